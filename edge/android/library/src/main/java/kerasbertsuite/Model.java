package kerasbertsuite;

import java.util.Map;

/** What runs the model of a file; on Android LiteRT's interpreter does. */
public interface Model {
    /** The lengths of rows that it takes, the shortest first. */
    int[] lengths();

    /**
     * Runs one row.
     *
     * @param row the arrays of one row, of one of {@link #lengths}.
     * @return the outputs by name, as {@code scores}, without the axis of the batch.
     */
    Map<String, Output> run(Batch row);
}
