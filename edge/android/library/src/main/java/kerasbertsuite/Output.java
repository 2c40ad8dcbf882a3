package kerasbertsuite;

import java.util.Arrays;

/** One of the arrays that a model gives for a row: a list of numbers, or of lists of {@code width} numbers. */
public final class Output {
    /** The numbers, those of the last axis next to each other. */
    public final double[] values;
    /** Numbers for each place of the first axis; 1 for a plain list. */
    public final int width;

    /**
     * Takes the numbers of a row.
     *
     * @param values the numbers, those of the last axis next to each other.
     * @param width the size of the last axis where there are two, else 1.
     */
    public Output(double[] values, int width) {
        this.values = values;
        this.width = width;
    }

    /** The same of the numbers that a runtime gives. */
    public static Output of(float[] values, int width) {
        double[] found = new double[values.length];
        for (int i = 0; i < found.length; i++) {
            found[i] = values[i];
        }
        return new Output(found, width);
    }

    /** The numbers of a place. */
    double[] at(int place) {
        return Arrays.copyOfRange(values, place * width, (place + 1) * width);
    }

    /** The places from one to another, which is exclusive. */
    Output slice(int start, int end) {
        return new Output(Arrays.copyOfRange(values, start * width, end * width), width);
    }
}
