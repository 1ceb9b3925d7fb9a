-- What needs the right to do everything.
\set VERBOSITY verbose
create table t (id int primary key, name text);
select 'a''b', E'a\nb\tc\\', U&'\0441\043b\043e\043d', $$dollar$$, $tag$with $$ inside$tag$;
selec 1;
begin; insert into t (id, name) values (10, 'ten'); prepare transaction 'trial-two-phase';
select gid from pg_prepared_xacts where gid = 'trial-two-phase';
commit prepared 'trial-two-phase';
rollback prepared 'trial-two-phase';
prepare bad as selec 1;
selec 1 \gdesc
set role nobody_at_all;
set session authorization postgres;
create extension plpython3u;
create role trial_role;
security label on table t is 'x';
checkpoint;
load 'auto_explain';
alter system set work_mem = '1MB';
drop owned by nobody_at_all;
copy t from '/etc/hostname';
copy t to '/tmp/t';
copy t to program 'true';
grant select on t to public;
revoke all on t from public;
set client_encoding = 'LATIN1';
reset client_encoding;
