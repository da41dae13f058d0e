"""tandem.drift_count of all columns against counting the same full join.

python bench/drift.py [--rows 1000000] [--rounds 3]
"""

from __future__ import annotations

import sys
import time

from lab import Lab, Measurement, run, value

JOIN = """
select count(*) from tblproduct as flat
full join (
    tblconfig as config
    left join tblcatalog as catalog on catalog.catalogid = config.catalogid
    left join tblproductversion as version on version.versionid = catalog.versionid
    left join tblbaseproduct as base on base.baseproductid = version.baseproductid
    left join (
        select distinct on (s.configid) s.configid, s.amount, s.currency
        from tblconfigprice as s where s.effectivefrom <= clock_timestamp()
        order by s.configid, s.effectivefrom desc
    ) as price on price.configid = config.configid
) on flat.configid = config.configid
where flat.productname <> '' and version.version <> '' and catalog.name <> '' and base.name <> ''
    and (price.amount is null or price.amount is not null) and config.attributes is not distinct
    from config.attributes
"""
OURS = "select tandem.drift_count('products')"


def measure(it: Lab, rounds: int) -> Measurement:
    """drift_count of a shop in step against counting the same full join: time ratio."""
    done = Measurement("drift", "our time / counting the join", 1.3, at_least=False)
    with it.migrated() as name, it.connect(name) as conn:
        for turn in range(rounds):
            seconds = {}
            for query in (JOIN, OURS) if turn % 2 else (OURS, JOIN):
                started = time.perf_counter()
                found = value(conn, query)
                seconds[query] = time.perf_counter() - started
                if query == OURS and found != 0:
                    raise SystemExit(f"drift is {found}")
            done.ratios.append(seconds[OURS] / seconds[JOIN])
            done.micros.append((seconds[OURS] / it.rows * 1e6, seconds[JOIN] / it.rows * 1e6))
            done.note("seconds, ours", seconds[OURS])
    return done


if __name__ == "__main__":
    sys.exit(run(measure))
