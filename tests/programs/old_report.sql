-- An old psql script: written long before pgtandem, and not to be touched. It makes mistakes on
-- purpose, so that the server's answers to them are compared, too.
\set ON_ERROR_STOP off
\set VERBOSITY verbose
\set SHOW_CONTEXT errors
begin;
insert into tblproduct (ProductId, ProductName, Version, CatalogName, ConfigName, Sku, Amount)
values (900001, 'Old script', '1', 'Retail', 'red', 'OS-1', 12.50) returning ProductId, Currency, Status;
update tblproduct set Amount = Amount * 2, Status = 'sold' where ProductId = 900001
returning ProductName, Amount, Status;
insert into tblproduct (ProductId, ProductName) values (900002, 'Old script'), (900003, 'Old script, too');
update tblproduct set ProductName = 'Old script' where ProductId = 900003;
select ProductId, ProductName, Version, CatalogName, ConfigName, Sku, ConfigData, Status, Amount, Currency
from tblproduct where ProductId > 900000 order by ProductId;
select count(*), sum(Amount) from tblproduct;
delete from tblproduct where ProductName like 'Old script%' returning ProductId, Amount;
commit;
insert into tblproduct (ProductId, ProductName) values (1, 'taken');
insert into tblproduct (ProductName) values (null);
update tblproduct set Status = 'a status that is much too long' where ProductId = 1;
update tblproduct set Amount = 1e15 where ProductId = 1;
update tblproduct set Amount = 'much' where ProductId = 1;
update tblproduct set ConfigData = '{' where ProductId = 1;
update tblproduct set NoSuchColumn = 1;
insert into tblproduct (ProductId, ProductName, Amount) values (1, 'upserted', 7)
on conflict (ProductId) do update set Amount = tblproduct.Amount + excluded.Amount returning ProductName, Amount;
update tblproduct set Amount = Amount - 7 where ProductId = 1;
