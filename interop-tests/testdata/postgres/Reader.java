import java.io.StringWriter;
import java.sql.*;
import java.util.Properties;
import org.postgresql.PGConnection;

/** What programs that may only read do with JDBC. It says "ok" at the end. */
class Reader {
    static void want(Object want, Object got) {
        if (!want.equals(got)) throw new AssertionError("got " + got + ", want " + want);
    }

    public static void main(String[] args) throws Exception {
        for (String mode : new String[] {"extended", "simple", "extendedForPrepared", "extendedCacheEverything"}) {
            Properties p = new Properties();
            p.setProperty("user", "anybody");
            p.setProperty("preferQueryMode", mode);
            p.setProperty("prepareThreshold", "2");
            try (Connection c = DriverManager.getConnection("jdbc:postgresql://127.0.0.1:" + args[0] + "/reading", p)) {
                reads(c);
                c.setAutoCommit(false);
                reads(c);
                c.commit();
                c.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
                c.setReadOnly(true);
                reads(c);
                c.rollback();
                cursor(c);
                Savepoint s = c.setSavepoint();
                refuses(c, "insert into t values (0)");
                c.rollback(s);
                reads(c);
                c.commit();
                c.setAutoCommit(true);
                refuses(c, "update t set id = 1");
                refuses(c, "select writes()");
                want(true, c.getMetaData().getTables(null, "public", "%", null).next());
                want(true, c.isValid(5));
            }
        }
        System.out.println("ok");
    }

    static void reads(Connection c) throws Exception {
        try (PreparedStatement p = c.prepareStatement("select id from t where id = ?")) {
            for (int i = 0; i < 10; i++) {
                p.setInt(1, i);
                try (ResultSet r = p.executeQuery()) {
                    want(true, r.next());
                    want(i, r.getInt(1));
                }
            }
        }
        try (Statement s = c.createStatement()) {
            s.execute("select 'a;b', count(*) from t; select 2");
            ResultSet r = s.getResultSet();
            r.next();
            want(1000L, r.getLong(2));
            want(true, s.getMoreResults());
        }
        StringWriter w = new StringWriter();
        want(1000L, c.unwrap(PGConnection.class).getCopyAPI().copyOut("copy t to stdout", w));
    }

    /** Rows are fetched in portions from a portal with a name. */
    static void cursor(Connection c) throws SQLException {
        try (PreparedStatement p = c.prepareStatement("select id from t order by id")) {
            p.setFetchSize(7);
            for (int round = 0; round < 4; round++) {
                try (ResultSet r = p.executeQuery()) {
                    for (int i = 0; i < 1000; i++) {
                        want(true, r.next());
                        want(i, r.getInt(1));
                    }
                }
            }
        }
        c.commit();
    }

    static void refuses(Connection c, String sql) throws SQLException {
        try (Statement s = c.createStatement()) {
            s.execute(sql);
            throw new AssertionError(sql + " was not refused");
        } catch (SQLException e) {
            if (!e.getSQLState().equals("42501") && !e.getSQLState().equals("25006")) throw e;
        }
    }
}
