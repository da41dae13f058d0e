-- The migration as one would write it by hand: one transaction, set by set, time-ordered UUIDs, the
-- new tables analysed as soon as they are filled, so that each statement gets its best plan. Keys,
-- indexes and foreign keys are there as prepare makes them; our triggers are off. No batches, no
-- resume, no writers meanwhile: the flat table is locked to the end.
begin;
lock table tblproduct in share row exclusive mode;
set local work_mem = '256MB';

insert into tblbaseproduct (baseproductid, name)
select tandem.new_id(), k.name
from (select distinct productname as name from tblproduct) as k;
analyze tblbaseproduct;

insert into tblproductversion (versionid, baseproductid, version)
select tandem.new_id(), k.baseproductid, k.version
from (
    select distinct b.baseproductid, coalesce(nullif(btrim(p.version), ''), '1') as version
    from tblproduct as p
    join tblbaseproduct as b on b.name = p.productname
) as k;
analyze tblproductversion;

insert into tblcatalog (catalogid, versionid, name)
select tandem.new_id(), k.versionid, k.name
from (
    select distinct v.versionid, coalesce(nullif(btrim(p.catalogname), ''), 'default') as name
    from tblproduct as p
    join tblbaseproduct as b on b.name = p.productname
    join tblproductversion as v
        on v.baseproductid = b.baseproductid
        and v.version = coalesce(nullif(btrim(p.version), ''), '1')
) as k;
analyze tblcatalog;

update tblproduct as p
set configid = tandem.new_id(), catalogid = c.catalogid, versionid = v.versionid,
    baseproductid = b.baseproductid
from tblbaseproduct as b
join tblproductversion as v on v.baseproductid = b.baseproductid
join tblcatalog as c on c.versionid = v.versionid
where b.name = p.productname
    and v.version = coalesce(nullif(btrim(p.version), ''), '1')
    and c.name = coalesce(nullif(btrim(p.catalogname), ''), 'default');

insert into tblconfig (configid, catalogid, name, sku, attributes, status)
select configid, catalogid, configname, sku, configdata, status from tblproduct;

insert into tblconfigprice (priceid, configid, effectivefrom, amount, currency)
select tandem.new_id(), configid, clock_timestamp(), amount, currency
from tblproduct
where amount is not null;
commit;
