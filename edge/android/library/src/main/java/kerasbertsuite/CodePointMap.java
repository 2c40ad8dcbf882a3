package kerasbertsuite;

import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;

/** What some code points become, each a few others; kept as sorted arrays. */
final class CodePointMap {
    private final int[] points;
    private final int[][] texts;

    private CodePointMap(int[] points, int[][] texts) {
        this.points = points;
        this.texts = texts;
    }

    /** The map of a JSON object from code points in hexadecimal to texts. */
    static CodePointMap of(JsonObject object) {
        Map<Integer, int[]> sorted = new TreeMap<>();
        for (String name : object.names()) {
            sorted.put(Integer.parseInt(name, 16), CodePoints.of(object.string(name)));
        }
        int[] points = new int[sorted.size()];
        int count = 0;
        for (int point : sorted.keySet()) {
            points[count++] = point;
        }
        return new CodePointMap(points, sorted.values().toArray(new int[0][]));
    }

    /** What a code point becomes; null for itself. */
    int[] get(int point) {
        int place = Arrays.binarySearch(points, point);
        return place < 0 ? null : texts[place];
    }
}
