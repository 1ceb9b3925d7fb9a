import java.io.StringReader;
import java.io.StringWriter;
import java.sql.*;
import java.util.Properties;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.copy.CopyManager;
import org.postgresql.largeobject.*;

/** What programs do with JDBC. It says "ok" at the end. */
class Client {
    static void want(Object want, Object got) {
        if (!want.equals(got)) throw new AssertionError("got " + got + ", want " + want);
    }

    static Connection connect(String port, String... more) throws SQLException {
        Properties p = new Properties();
        p.setProperty("user", "anybody");
        for (int i = 0; i < more.length; i += 2) p.setProperty(more[i], more[i + 1]);
        return DriverManager.getConnection("jdbc:postgresql://127.0.0.1:" + port + "/app", p);
    }

    public static void main(String[] args) throws Exception {
        // Each way in which the driver may ask.
        for (String mode : new String[] {"extended", "simple", "extendedForPrepared", "extendedCacheEverything"}) {
            try (Connection c = connect(args[0], "preferQueryMode", mode, "prepareThreshold", "2")) {
                statements(c);
            }
        }
        try (Connection c = connect(args[0], "binaryTransfer", "true", "prepareThreshold", "-1", "reWriteBatchedInserts", "true")) {
            statements(c);
            calls(c);
            copies(c);
            largeObject(c);
            try (Connection other = connect(args[0])) {
                notifies(c, other);
            }
            cancels(c);
        }
        System.out.println("ok");
    }

    static void statements(Connection c) throws SQLException {
        try (Statement s = c.createStatement()) {
            s.execute("create temp table t (id int primary key, name text, price numeric, at timestamptz default now(), b bytea)");
        }
        c.setAutoCommit(false);
        try (PreparedStatement p = c.prepareStatement("insert into t (id, name, price, b) values (?, ?, ?, decode(?, 'hex'))")) {
            for (int i = 0; i < 300; i++) {
                p.setInt(1, i);
                p.setString(2, "näme " + i);
                p.setBigDecimal(3, new java.math.BigDecimal(i + ".25"));
                p.setString(4, String.format("00%02x", i & 255));
                p.addBatch();
            }
            want(300, p.executeBatch().length);
        }
        c.commit();
        int sum = 0;
        try (PreparedStatement p = c.prepareStatement("select id, name, price, b, at from t where id < ? order by id")) {
            for (int round = 0; round < 6; round++) { // beyond the threshold it is named, then binary
                p.setFetchSize(7); // and so a portal that is suspended
                p.setInt(1, 100);
                try (ResultSet r = p.executeQuery()) {
                    for (int i = 0; r.next(); i++) {
                        want(i, r.getInt(1));
                        want("näme " + i, r.getString(2));
                        want(i + ".25", r.getBigDecimal(3).toPlainString());
                        want((byte) i, r.getBytes(4)[1]);
                        sum++;
                    }
                }
            }
        }
        want(600, sum);
        try (PreparedStatement p = c.prepareStatement("insert into t (id) values (?)")) {
            p.setInt(1, 7);
            p.executeUpdate();
            throw new AssertionError("inserted twice");
        } catch (SQLException e) {
            want("23505", e.getSQLState());
        }
        c.rollback();
        Savepoint save = c.setSavepoint();
        try (Statement s = c.createStatement()) {
            s.executeUpdate("delete from t");
            c.rollback(save);
            s.execute("select count(*) from t; select 'second'");
            try (ResultSet r = s.getResultSet()) {
                r.next();
                want(300, r.getInt(1));
            }
            want(true, s.getMoreResults());
        }
        c.commit();
        c.setAutoCommit(true);
        try (ResultSet r = c.getMetaData().getColumns(null, null, "t", "%")) {
            r.next();
            want("id", r.getString("COLUMN_NAME"));
        }
    }

    static void calls(Connection c) throws SQLException { // the driver can't in simple mode
        try (CallableStatement f = c.prepareCall("{? = call upper(?)}")) {
            f.registerOutParameter(1, Types.VARCHAR);
            f.setString(2, "shout");
            f.execute();
            want("SHOUT", f.getString(1));
        }
    }

    static void copies(Connection c) throws Exception {
        CopyManager m = c.unwrap(PGConnection.class).getCopyAPI();
        StringBuilder b = new StringBuilder();
        for (int i = 1000; i < 4000; i++) b.append(i).append("\tcopied\n");
        want(3000L, m.copyIn("copy t (id, name) from stdin", new StringReader(b.toString())));
        StringWriter w = new StringWriter();
        want(3000L, m.copyOut("copy (select id, name from t where id >= 1000 order by id) to stdout", w));
        want(b.toString(), w.toString());
    }

    static void largeObject(Connection c) throws SQLException {
        c.setAutoCommit(false); // by FunctionCall messages
        LargeObjectManager m = c.unwrap(PGConnection.class).getLargeObjectAPI();
        long id = m.createLO();
        LargeObject o = m.open(id, LargeObjectManager.READWRITE);
        o.write(new byte[100_000]);
        o.seek(10);
        want(90, o.read(90).length);
        want(100_000, o.size());
        o.close();
        m.delete(id);
        c.commit();
        c.setAutoCommit(true);
    }

    static void notifies(Connection c, Connection other) throws SQLException {
        try (Statement s = c.createStatement(); Statement o = other.createStatement()) {
            s.execute("listen news");
            o.execute("notify news, 'hello'");
            PGNotification[] n = c.unwrap(PGConnection.class).getNotifications(20_000);
            want("hello", n[0].getParameter());
        }
    }

    static void cancels(Connection c) throws Exception {
        try (Statement s = c.createStatement()) {
            s.setQueryTimeout(1);
            s.execute("select pg_sleep(60)");
            throw new AssertionError("not cancelled");
        } catch (SQLException e) {
            want("57014", e.getSQLState());
        }
        try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("select 'goes on'")) {
            r.next();
            want("goes on", r.getString(1));
        }
    }
}
