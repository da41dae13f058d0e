-- Batches write inside an INSTEAD OF trigger of this view: at trigger depth 1, where no statement of
-- a client can be. So the sync triggers can tell a batch's writes from everything else.
create or replace view {{ S | ident }}.inside as
select
    null::text as verb, null::bigint as run_id, null::integer as batch_rows,
    null::jsonb as failure, null::tandem.step_result as result
where false;

comment on view {{ S | ident }}.inside is
'Not for reading: an INSERT runs a batch at trigger depth 1 and returns its result.';
