-- What a row of tandem.setting says where nobody has changed it. A row that is missing means this,
-- and comes back with the next deployment.
create or replace function tandem._settings()
returns table (name text, value text, unit text, description text)
language sql immutable
set search_path = pg_catalog, pg_temp
as $_settings$
    values
    ('pause', 'off', 'on or off', 'on: every run waits between batches until it is off again'),
    ('batch_rows_min', '200', 'rows', 'smallest batch that the adaption chooses'),
    ('batch_rows_max', '5000', 'rows', 'largest batch that the adaption chooses'),
    ('batch_attempts', '30', 'times', 'tries of a batch that met a deadlock or a lock timeout'),
    ('batch_lock_timeout', '250', 'milliseconds',
        'a batch gives way after waiting so long for a lock; below deadlock_timeout, so that the '
        'run is the victim and not an application'),
    ('max_transaction_age', '0', 'seconds',
        'a run waits while another transaction is older than this; 0: does not look'),
    ('max_replica_lag', '0', 'bytes',
        'a run waits while a replica is behind by more; 0: does not look'),
    ('index_build_rows', '200000', 'rows',
        'prepare builds indexes itself, blocking writers, on tables up to this size; above it they '
        'are built CONCURRENTLY by the tool or by hand'),
    ('notice_seconds', '2', 'seconds', 'time between two progress NOTICEs'),
    ('import_batch_size', '1000', 'rows', 'rows that an import writes between two commits'),
    ('import_max_rows', '50000', 'rows', 'largest input of an import'),
    ('import_timeout_seconds', '600', 'seconds',
        'an import that takes longer stops between two batches, and can go on'),
    ('import_batch_timeout_seconds', '30', 'seconds',
        'tandem.cancel_slow_batches cancels a batch of an import that takes longer; 0: never'),
    ('import_background_threshold', '1000', 'rows',
        'an import of more rows than this is left to a worker'),
    ('import_max_retries', '3', 'times',
        'an import that a passing cause has stopped is tried again so often'),
    ('import_alert_success_percent', '95', 'percent',
        'tandem.import_alerts: fewer imports than this succeed'),
    ('import_alert_error_percent', '5', 'percent',
        'tandem.import_alerts: more rows of imports than this fail'),
    ('import_alert_duration_seconds', '600', 'seconds',
        'tandem.import_alerts: an import takes longer'),
    ('import_alert_min_sample', '10', 'imports or rows',
        'tandem.import_alerts: shares of fewer are not judged')
$_settings$;

comment on function tandem._settings() is 'The settings, and the value that each has at first.';
