-- What psql itself does at a server.
create table people (id serial primary key, name text, born date);
insert into people (name, born) values ('Ada', '1815-12-10'), ('Grace', '1906-12-09'), ('Barbara', null);
\d
\d people
\d+ people
\dt
\di+ people_pkey
\ds
\dn
\df add
\dT
\dx
\du app
\l app
\dp people
\ddp
\dconfig work_mem
\dconfig default_transaction_isolation
\sf no_such_function
create function f(int) returns int language sql as 'select $1';
\sf f
\df f
\dO
\encoding
\encoding LATIN1
select 'd' || chr(252) || 'nn';
\encoding UTF8
select 'd' || chr(252) || 'nn';
select count(*) as n, min(name) as first from people \gset
\echo :n :first
select 'select ' || g from generate_series(1, 3) g \gexec
select 'select 1/' || g from generate_series(-1, 1) g \gexec
select name, born from people order by 1 \gx
select name, extract(year from born) as y, 1 from people \crosstabview
select 1 as again \g
\g
\x auto
table people;
\x off
\pset format csv
table people;
\pset format html
table people;
\pset format unaligned
table people;
\pset format aligned
\t on
table people;
\t off
\timing off
\set AUTOCOMMIT off
select 1;
insert into people (name) values ('Nobody');
\echo :SQLSTATE :ROW_COUNT :ERROR
rollback;
select 1/0;
\echo :SQLSTATE :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
rollback;
\set AUTOCOMMIT on
\set ON_ERROR_ROLLBACK on
begin;
insert into people (name) values ('In');
select 1/0;
insert into people (name) values ('And out');
commit;
select count(*) from people;
\set ON_ERROR_ROLLBACK off
\set FETCH_COUNT 7
select g from generate_series(1, 20) g;
select g / (15 - g) from generate_series(1, 20) g;
\set FETCH_COUNT 0
\set ECHO_HIDDEN on
\dt people
\set ECHO_HIDDEN off
\if :{?n}
select 'taken' as branch;
\else
select 'not taken' as branch;
\endif

-- COPY
copy people (name, born) from stdin;
Edsger	1930-05-11
Donald	\N
\.
copy people (name, born) from stdin with (format csv, header);
name,born
"Hopper, Grace",1906-12-09
"quoted ""twice""",
\.
copy people (name, born) from stdin;
bad	not a date
never	1900-01-01
\.
copy people (id) from stdin;
1
\.
copy people (name) from stdin;
too	many
\.
copy people (nothing) from stdin;
copy people to stdout;
copy (select name, born from people order by id) to stdout with (format csv, header, force_quote *);
copy (select 1/0) to stdout;
copy (select g / (3 - g) from generate_series(1, 5) g) to stdout;
copy nowhere to stdout;
\copy people (name) to stdout
\copy people (name) from stdin
by the client
\.
\copy (select count(*) from people) to stdout
begin;
copy people (name) from stdin;
within a transaction
\.
copy (select count(*) from people) to stdout;
rollback;
select count(*) from people;
copy people (name) from stdin \; select count(*) from people;
two in one
\.
copy (select 1) to stdout \; copy (select 2) to stdout \; select 3;
select 1 \; copy people (name) from stdin \; select 1/0 \; select 4;
rolled back
\.

-- large objects
begin;
select lo_create(424242);
select lo_put(424242, 0, 'hello large world');
select convert_from(lo_get(424242), 'UTF8');
select lo_open(424242, 393216);
select convert_from(loread(0, 5), 'UTF8');
select lowrite(0, '!!!'), lo_tell(0), lo_lseek(0, 0, 2), lo_truncate(0, 4), lo_close(0);
select convert_from(lo_get(424242), 'UTF8');
select lo_unlink(424242);
select lo_get(424242);
rollback;
\lo_list
