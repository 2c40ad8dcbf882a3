package kerasbertsuite;

import java.util.ArrayList;
import java.util.List;

/** What decoding needs of numpy. */
final class Numbers {
    private Numbers() {}

    /** The place of the largest number, the first of several. */
    static int largest(double[] values) {
        int best = 0;
        for (int i = 1; i < values.length; i++) {
            best = values[i] > values[best] ? i : best;
        }
        return best;
    }

    /** The places from the largest number on, equal ones in their order. */
    static int[] fromLargest(double[] values) {
        List<Integer> places = new ArrayList<>();
        for (int i = 0; i < values.length; i++) {
            places.add(i);
        }
        // Not Double.compare, for which 0.0 is more than -0.0.
        places.sort((a, b) -> values[a] > values[b] ? -1 : values[a] < values[b] ? 1 : 0);
        int[] found = new int[values.length];
        for (int i = 0; i < found.length; i++) {
            found[i] = places.get(i);
        }
        return found;
    }

    /** Numbers as chances that add up to 1; of no numbers none. */
    static double[] softmax(double[] values) {
        double[] chances = new double[values.length];
        double sum = 0;
        for (int i = 0; i < values.length; i++) {
            chances[i] = Math.exp(values[i] - values[largest(values)]);
            sum += chances[i];
        }
        for (int i = 0; i < values.length; i++) {
            chances[i] /= sum;
        }
        return chances;
    }

    /** The cosine of the angle between two vectors; 0 where one of them is. */
    static double cosine(double[] a, double[] b) {
        double product = 0;
        double lengthOfA = 0;
        double lengthOfB = 0;
        for (int i = 0; i < a.length; i++) {
            product += a[i] * b[i];
            lengthOfA += a[i] * a[i];
            lengthOfB += b[i] * b[i];
        }
        return product / Math.max(Math.sqrt(lengthOfA), 1e-12) / Math.max(Math.sqrt(lengthOfB), 1e-12);
    }

    static List<Double> list(double[] values) {
        List<Double> found = new ArrayList<>();
        for (double value : values) {
            found.add(value);
        }
        return found;
    }
}
