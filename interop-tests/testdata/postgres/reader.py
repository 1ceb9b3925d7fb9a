# What programs that may only read do with psycopg2. It says "ok" at the end.
import io, sys
import psycopg2, psycopg2.errors, psycopg2.extensions

def connect():
    return psycopg2.connect(host="127.0.0.1", port=int(sys.argv[1]), dbname="reading", user="anybody")

c = connect()
k = c.cursor()
k.execute("select count(*), %s from t", ("it's; COMMIT",))
assert k.fetchone() == (1000, "it's; COMMIT")
for statement in ("insert into t values (0)", "select writes()", "create table u (a int)"):
    try:
        k.execute(statement)
        assert False, statement
    except psycopg2.Error as e:
        assert e.pgcode in ("42501", "25006"), e
    c.rollback()

named = c.cursor("many", scrollable=True)
named.itersize = 7
named.execute("select id from t order by id")
assert [r[0] for r in named] == list(range(1000))
named.scroll(5, mode="absolute")
assert named.fetchone() == (5,)
named.close()
c.commit()

out = io.StringIO()
k.copy_expert("copy (select id from t) to stdout", out)
assert out.getvalue().count("\n") == 1000
c.commit()

for level in ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"):
    c.set_session(isolation_level=level, readonly=True, deferrable=level == "SERIALIZABLE")
    k.execute("show transaction_isolation")
    assert k.fetchone() == (level.lower(),)
    k.execute("select 1")
    c.commit()

c.set_session(isolation_level="DEFAULT", readonly=None, deferrable=None, autocommit=True)
k.execute("set search_path = public; select current_setting('search_path')")
assert k.fetchone() == ("public",)
k.execute("show search_path")
assert k.fetchone() == ("public",)
k.execute("listen news")

# A large object, by the calls that drivers use for them.
c.autocommit = False
o = c.lobject(int(sys.argv[2]), "rb")
assert o.read() == b"large"
o.close()
try:
    c.lobject(0, "wb")
    assert False
except psycopg2.Error as e:
    assert "42501" in str(e) or "gateway" in str(e), e
c.rollback()
print("ok")
