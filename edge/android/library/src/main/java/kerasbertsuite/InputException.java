package kerasbertsuite;

/** Says that what came from outside is at fault, a file or a text, in one line: what came and what was expected. */
public final class InputException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    /** The error with its one line. */
    public InputException(String message) {
        super(message);
    }
}
