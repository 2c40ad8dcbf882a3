package kerasbertsuite;

import java.util.ArrayList;
import java.util.List;

/** A part of a text: an entity, or an answer in a passage. */
public final class Span {
    /** The label of an entity; null for an answer. */
    public final String label;
    /** What it says. */
    public final String text;
    /** Where it starts, in code points; {@link CodePoints#utf16} makes an index of it. */
    public final int start;
    /** Where it ends, exclusive. */
    public final int end;
    /** How likely it is. */
    public final double score;

    Span(String label, String text, int start, int end, double score) {
        this.label = label;
        this.text = text;
        this.start = start;
        this.end = end;
        this.score = score;
    }

    static List<Span> list(Object values) {
        List<Span> spans = new ArrayList<>();
        for (Object value : (List<?>) values) {
            spans.add((Span) value);
        }
        return spans;
    }

    /** Where a part of a text starts without the spaces that it begins with; pieces of some tokenizers have them. */
    static int startWithoutSpaces(int[] text, int start, int end) {
        int first = start;
        while (first < end && first < text.length && Unicode.tables().blank.contains(text[first])) {
            first++;
        }
        return first;
    }
}
