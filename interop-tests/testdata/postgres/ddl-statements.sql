-- Statements of many kinds, with their errors. Run with psql -a -e, straight and
-- through the gateway, both must give the same.
\set VERBOSITY verbose
\set SHOW_CONTEXT always
\pset null '<null>'
select 1, 'two', null, 3.5::numeric, true, array[1,2,3], '{"a": [1, null]}'::jsonb;
;
;;
select 1; select 2; select 3;
select 1\; select 2\; select 3;
select 'naïve café — 日本語 🐘' as "Ünïcode ""name""";
select date '2024-02-29', timestamptz '2024-02-29 12:00:00+00', interval '1 year 2 mons 3 days 04:05:06';
set timezone = 'Asia/Tokyo';
select timestamptz '2024-02-29 12:00:00+00';
set datestyle = 'German';
select date '2024-02-29';
set intervalstyle = 'iso_8601';
select interval '1 year 2 mons 3 days 04:05:06';
reset all;
set search_path = trial;
select 'NaN'::float8, 'Infinity'::float8, 1e308::float8, 0.1::float4;
select '\x00ff'::bytea, decode('deadbeef', 'hex');
select repeat('x', 10000) = rpad('', 10000, 'x'), length(repeat('long ', 200000));
select repeat('0123456789', 300);
select ;
select from generate_series(1, 3);
values (1, 'a'), (2, null), (3, 'c');
table pg_catalog.pg_tablespace;
with recursive t(n) as (select 1 union all select n + 1 from t where n < 10) select sum(n), array_agg(n) from t;

-- errors
select 1/0;
select nothing;
select * from nowhere;
select 'unterminated;
';
select "mixed" from (select 1 as "Mixed") as s;
select 'x'::int;
select 1 as a; select 1/0; select 'not reached in one message';
select 1 as a\; select 1/0\; select 'not reached in one message';
insert into nowhere values (1);
create table t (id int primary key, name text not null check (name <> ''), parent int references t);
insert into t values (1, 'one', null);
insert into t values (1, 'again', null);
insert into t values (2, null, null);
insert into t values (2, '', null);
insert into t values (2, 'two', 99);
create table t (id int);
drop table if exists not_there;
select pg_catalog.set_config('work_mem', 'lots', false);
do $$ begin raise exception using message = 'own', detail = 'a detail', hint = 'a hint', errcode = 'P0042', column = 'c', table = 't', schema = 's', constraint = 'k', datatype = 'd'; end $$;
do $$ begin raise debug 'd'; raise log 'l'; raise info 'i'; raise notice 'n %', 1; raise warning 'w'; end $$;
set client_min_messages = debug1;
do $$ begin raise debug 'd'; raise log 'l'; end $$;
reset client_min_messages;
\errverbose

-- changes, and what they say
insert into t select g, 'name ' || g, 1 from generate_series(2, 20) g;
insert into t values (21, 'x', 1), (22, 'y', 1) returning id, name;
insert into t values (1, 'x', null) on conflict (id) do update set name = excluded.name || '!' returning *;
update t set name = upper(name) where id < 4 returning *;
delete from t where id > 20 returning id;
merge into t using (values (1, 'merged'), (50, 'new')) as v (id, name) on t.id = v.id when matched then update set name = v.name when not matched then insert values (v.id, v.name, null);
truncate t;
create index on t (name);
create unique index concurrently names on t (name);
vacuum t;
analyze t;
explain (costs off) select * from t where id = 1;
comment on table t is 'a comment';
alter table t add column extra jsonb default '{}';
create view v as select id, name from t;
create materialized view mv as select 1 as one;
refresh materialized view mv;
create sequence s;
select nextval('s'), currval('s'), setval('s', 42);
create type mood as enum ('sad', 'ok', 'happy');
create domain positive as int check (value > 0);
select 'happy'::mood, 5::positive;
select (-5)::positive;
create table parted (k int, v text) partition by range (k);
create table parted_1 partition of parted for values from (0) to (10);
insert into parted values (5, 'in'), (50, 'out');
select tableoid::regclass, * from parted;

-- transactions
begin;
insert into t (id, name) values (1, 'one');
savepoint a;
insert into t (id, name) values (1, 'one');
select 1;
rollback to a;
insert into t (id, name) values (2, 'two');
release a;
commit;
select id, name from t;
begin isolation level serializable read only deferrable;
show transaction_isolation;
insert into t (id, name) values (3, 'three');
select 1;
commit;
commit;
begin;
begin;
rollback;
rollback;
begin; select 1/0; commit;
begin\; select 7\; commit;
begin\; insert into t (id, name) values (9, 'nine')\; select 1/0\; commit;
rollback;
select count(*) from t where id = 9;
start transaction; select 1; commit and chain; select 2; rollback and no chain;
set constraints all deferred;
lock table t;
begin; lock table t in access exclusive mode nowait; commit;

-- prepared statements
prepare one as select 1 as one;
prepare sum (int, int) as select $1 + $2 as sum;
execute one;
execute sum(2, 3);
execute sum(2, 'x');
execute two;
select name, statement, parameter_types from pg_prepared_statements order by name;
deallocate one;
execute one;
prepare ins (int, text) as insert into t (id, name) values ($1, $2) returning id;
execute ins(77, 'seventy-seven');
execute ins(77, 'seventy-seven');
explain (costs off) execute sum(1, 2);
deallocate all;
discard all;
set search_path = trial;
select 1 as a, 'x' as b \gdesc
create table not_described () \gdesc

-- cursors
begin;
declare c scroll cursor for select g, g * g from generate_series(1, 20) g;
fetch 3 from c;
fetch backward 1 from c;
fetch absolute 10 from c;
move 5 in c;
fetch next from c;
fetch all from c;
fetch all from c;
close c;
fetch c;
rollback;
declare outside cursor for select 1;
begin;
declare held cursor with hold for select g from generate_series(1, 5) g;
commit;
fetch 2 from held;
fetch all from held;
close held;
begin; declare w cursor for select * from t for update; fetch 1 from w; update t set name = 'by cursor' where current of w; commit;

-- functions
create function add(a int, b int default 10) returns int language sql as 'select a + b';
select add(1), add(1, 2), add(b => 1, a => 5);
create function twice(inout x int, out y text) language plpgsql as $$ begin y := 'was ' || x; x := x * 2; raise notice 'doubling'; end $$;
select * from twice(21);
create procedure steps() language plpgsql as $$ begin insert into t (id, name) values (100, 'a'); commit; insert into t (id, name) values (101, 'b'); rollback; end $$;
call steps();
select count(*) from t where id >= 100;
create procedure gives(inout a int) language plpgsql as $$ begin a := a + 1; end $$;
call gives(1);
create function broken() returns int language plpgsql as $$ begin return 1/0; exception when division_by_zero then raise notice 'caught'; return -1; end $$;
select broken();
create function deep(n int) returns int language plpgsql as $$ begin if n = 0 then return 1/0; end if; return deep(n - 1); end $$;
select deep(3);
create function trig() returns trigger language plpgsql as $$ begin raise notice '% %', tg_op, new.id; return new; end $$;
create trigger tr before insert on t for each row execute function trig();
insert into t (id, name) select g, 'trig ' || g from generate_series(201, 203) g;
do $$ declare r record; begin for r in select * from t where id > 200 order by id loop raise notice '%', r.name; end loop; end $$;
select pg_sleep(0);
set statement_timeout = 50;
select pg_sleep(10);
reset statement_timeout;
set lock_timeout = 10;
show lock_timeout;
show all_of_it;
reset lock_timeout;
select current_setting('server_encoding'), current_user, session_user, current_database(), current_schema;
set application_name = 'trial';
show application_name;
set client_encoding = 'LATIN1';
select 'caf' || chr(233);
select chr(1081);
set client_encoding = 'UTF8';
listen trial; notify trial, 'payload'; unlisten *;
