package dev.lull.participant.mariadb;

import java.io.IOException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Set;

/** A server refused a statement, did not answer, or cannot be reached. The message is one line. */
final class ServerException extends IOException {
    private static final long serialVersionUID = 1L;

    /** ER_DBACCESS_DENIED_ERROR, ER_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR: of the login itself. */
    private static final Set<Integer> LOGIN = Set.of(1044, 1045, 1698);

    /** ER_SPECIFIC_ACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR. */
    private static final Set<Integer> PRIVILEGE = Set.of(1227, 1142);

    /**
     * ER_LOCK_WAIT_TIMEOUT; ER_QUERY_INTERRUPTED; ER_STATEMENT_TIMEOUT of MariaDB, ER_QUERY_TIMEOUT of MySQL.
     */
    private static final Set<Integer> LATE = Set.of(1205, 1317, 1969, 3024);

    private static final int NONE = 0;

    private final int code;

    private ServerException(String message, int code, Throwable cause) {
        super(message, cause);
        this.code = code;
    }

    private ServerException(String message) {
        super(message);
        this.code = NONE;
    }

    /** @param doing what was tried */
    static ServerException of(String doing, SQLException cause) {
        return new ServerException(doing + ": " + reason(cause), cause.getErrorCode(), cause);
    }

    static ServerException noAnswer(String doing, Duration limit) {
        return new ServerException(doing + ": no answer within " + Seconds.text(limit));
    }

    static ServerException interrupted(String doing) {
        return new ServerException(doing + ": interrupted");
    }

    static ServerException gone(String doing) {
        return new ServerException(doing + ": the session was given up before");
    }

    static ServerException unexpected(String message) {
        return new ServerException(message);
    }

    /** The server's own words, or the kernel's where the driver only wraps those. */
    private static String reason(SQLException e) {
        Throwable deepest = e;
        while (e.getErrorCode() == NONE && deepest.getCause() != null) {
            deepest = deepest.getCause();
        }
        return String.valueOf(deepest.getMessage())
                .replaceFirst("^\\(conn=\\d+\\) ", "")
                .replaceAll("\\p{Cntrl}+", " ")
                .strip();
    }

    boolean isLogin() {
        return LOGIN.contains(code);
    }

    boolean isPrivilege() {
        return PRIVILEGE.contains(code);
    }

    /** The server gave up waiting, as it was told to. */
    boolean isLate() {
        return LATE.contains(code);
    }
}
