package kerasbertsuite;

import java.util.Arrays;
import java.util.List;

/** A set of code points, kept as its ranges. */
final class CodePointSet {
    private final int[] starts;
    private final int[] ends;

    private CodePointSet(int[] starts, int[] ends) {
        this.starts = starts;
        this.ends = ends;
    }

    /** The set of a JSON list of inclusive ranges in ascending order. */
    static CodePointSet of(List<?> ranges) {
        int[] starts = new int[ranges.size()];
        int[] ends = new int[ranges.size()];
        for (int i = 0; i < starts.length; i++) {
            List<?> range = (List<?>) ranges.get(i);
            starts[i] = ((Number) range.get(0)).intValue();
            ends[i] = ((Number) range.get(1)).intValue();
        }
        return new CodePointSet(starts, ends);
    }

    boolean contains(int point) {
        int place = Arrays.binarySearch(starts, point);
        return place >= 0 || (place < -1 && point <= ends[-place - 2]);
    }
}
