# What programs do with psycopg2. It says "ok" at the end.
import io, select, sys, threading, time
import psycopg2, psycopg2.extras, psycopg2.errors, psycopg2.extensions

def connect(**more):
    return psycopg2.connect(host="127.0.0.1", port=int(sys.argv[1]), dbname="app", user="anybody", **more)

c = connect(application_name="client.py")
k = c.cursor()
k.execute("create temp table t (id int, name text, at timestamptz default now())")
psycopg2.extras.execute_values(k, "insert into t (id, name) values %s", [(i, "name %d" % i) for i in range(1000)])
k.execute("select count(*), %s from t where id < %s", ("näme", 10))
assert k.fetchone() == (10, "näme")
c.commit()

try:
    k.execute("insert into t values (%s)", ("no number",))
    assert False
except psycopg2.errors.InvalidTextRepresentation as e:
    assert e.pgcode == "22P02" and e.diag.severity == "ERROR", e
c.rollback()

# A cursor of the server's.
named = c.cursor("many", scrollable=True)
named.itersize = 7
named.execute("select id from t order by id")
assert [r[0] for r in named] == list(range(1000))
named.scroll(5, mode="absolute")
assert named.fetchone() == (5,)
named.close()
c.commit()

# COPY both ways, and one that fails.
k.copy_expert("copy t (id, name) from stdin with (format csv)", io.StringIO("".join("%d,copied %d\n" % (i, i) for i in range(5000))))
assert k.rowcount == 5000
out = io.StringIO()
k.copy_expert("copy (select id, name from t order by id, name) to stdout", out)
assert out.getvalue().count("\n") == 6000
c.commit()
try:
    k.copy_expert("copy t (id) from stdin", io.StringIO("1\n2\nthree\n4\n"))
    assert False
except psycopg2.errors.InvalidTextRepresentation:
    c.rollback()

# A large object.
o = c.lobject(0, "wb")
o.write(b"\x00\xff" * 200_000)
o.seek(100)
number = o.oid
o.close()
o = c.lobject(number, "rb")
assert o.read() == b"\x00\xff" * 200_000
o.unlink()
c.commit()

# Notifications, from another connection, while this one waits.
c.autocommit = True
k.execute("listen news")
other = connect()
other.autocommit = True
other.cursor().execute("notify news, 'hello'")
assert select.select([c], [], [], 20)[0]
c.poll()
assert [(n.channel, n.payload) for n in c.notifies] == [("news", "hello")], c.notifies

# A statement is cancelled by its own connection only, which goes on.
def cancel():
    while True:
        w = other.cursor()
        w.execute("select count(*) from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'")
        if w.fetchone()[0]: break
        time.sleep(0.01)
    c.cancel()
t = threading.Thread(target=cancel)
t.start()
try:
    k.execute("select pg_sleep(60)")
    assert False
except psycopg2.errors.QueryCanceled:
    pass
t.join()
k.execute("select 'goes on'")
assert k.fetchone() == ("goes on",)

# A two-phase commit, a connection in the asynchronous way, settings.
two = connect()
two.tpc_begin(two.xid(42, "transaction", "branch"))
two.cursor().execute("select 1")
try:
    two.tpc_prepare()
    two.tpc_rollback()
except psycopg2.errors.InsufficientPrivilege:
    two.close()  # only who may do everything may do that
a = connect(async_=1)
psycopg2.extras.wait_select(a)
ka = a.cursor()
ka.execute("select generate_series(1, 3)")
psycopg2.extras.wait_select(a)
assert ka.fetchall() == [(1,), (2,), (3,)]
latin = connect()
latin.set_client_encoding("LATIN1")
kl = latin.cursor()
kl.execute("select 'ü', current_setting('client_encoding')")
assert kl.fetchone() == ("ü", "LATIN1")
assert c.get_dsn_parameters()["port"] == sys.argv[1]
print("ok", c.server_version // 10000 > 0)
