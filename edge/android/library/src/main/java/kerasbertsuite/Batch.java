package kerasbertsuite;

/** Rows as the padded arrays that a model takes. */
public final class Batch {
    /** The ids, a row for each encoding. */
    public final int[][] tokenIds;
    /** 1 for a real id, 0 for padding. */
    public final int[][] paddingMask;
    /** 0 for the first text, 1 for the second. */
    public final int[][] segmentIds;

    Batch(int rows, int length) {
        tokenIds = new int[rows][length];
        paddingMask = new int[rows][length];
        segmentIds = new int[rows][length];
    }
}
