"""A function of an attacker's that does something when it runs as anybody else than he."""

from __future__ import annotations


def spy(action: str) -> str:
    """SQL: the schema loot with loot.spy(), which is NULL, and the trigger function spy_trigger().

    `action` is what happens when another role than old_app runs them.
    """
    return f"""
create schema loot;
grant usage on schema loot to public;
create function loot.spy() returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if current_user <> 'old_app' then
        {action};
    end if;
    return null;
end $$;
create function loot.spy_trigger() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp as $$
begin
    perform loot.spy();
    return new;
end $$;
"""
