-- What the right to read allows: for it statements that are sent together are
-- taken apart, which must not be seen. The table numbers is there.
select 1; select 2;
select 1\; select 2\; select 3;
select 1 as a\; select 1/0\; select 'not reached';
select 1/0\; select 'not reached';
;
;;
\;\; select 'after empty ones';
select 1 \; \; select 2 \; ;
-- a comment alone
/* another */
select /* in the middle; of it */ 1; -- and after
select 'a;b' as "c;d", $$e;f$$;
select n, square from numbers order by n;
select count(*), sum(square) from numbers where n > 3;
table numbers;
values (1, 'x'), (2, null);
with recursive t(n) as (select 1 union all select n + 1 from t where n < 5) select array_agg(n) from t;
explain (costs off) select * from numbers where n = 3;
show transaction_isolation;
select * from nowhere;
select nothing from numbers;
select 'x'::int;
select count(*) from numbers limit -1;
select generate_series(1, 3) as g, now() is not null as t;
select 1 as a \gset
select pg_sleep(0.01) is null as slept \; select :'a';
set datestyle = 'German';
select date '2024-02-29';
reset datestyle;
set application_name = 'reader';
show application_name;
set client_encoding = 'LATIN1';
select 'caf' || chr(233);
select chr(1081);
set client_encoding = 'UTF8';
set statement_timeout = 50;
select pg_sleep(10);
select 1\; select pg_sleep(10)\; select 2;
reset statement_timeout;
begin;
select count(*) from numbers;
savepoint a;
select 1/0;
select 'failed';
rollback to a;
select 'goes on';
commit;
begin isolation level repeatable read;
show transaction_isolation;
rollback;
start transaction read only;
select 1;
commit;
commit;
begin;
begin;
rollback;
rollback;
begin;
declare c cursor for select n from numbers order by n;
fetch 3 from c;
move 2 in c;
fetch all from c;
close c;
fetch c;
rollback;
declare outside cursor for select 1;
prepare p (int) as select square from numbers where n = $1;
execute p(3);
execute p('x');
execute q;
deallocate p;
execute p(3);
select n from numbers where n = 2 \gdesc
select square as s from numbers where n = 2 \gset
\echo :s
select 'select ' || n from numbers where n < 4 order by n \gexec
select n, square, 1 from numbers where n < 4 \crosstabview
\set FETCH_COUNT 4
select n from numbers order by n;
select n / (n - 3) from numbers order by n;
\set FETCH_COUNT 0
copy numbers to stdout;
copy (select n from numbers where n < 4 order by n) to stdout with (format csv, header);
copy (select 1/0) to stdout;
copy (select n / (n - 3) from numbers order by n) to stdout;
copy (select 1) to stdout \; select 2;
select 1 \; copy (select 2) to stdout \; select 3 \; copy (select 4) to stdout;
\copy numbers to stdout
\d numbers
\dt
\df nothing
\sf abs(int)
\errverbose
\set AUTOCOMMIT off
select 1;
select 1/0;
\echo :SQLSTATE
rollback;
\set AUTOCOMMIT on
\set ON_ERROR_ROLLBACK on
begin;
select 1/0;
select 'still here';
commit;
lock table numbers in access share mode;
select 1 as last;
