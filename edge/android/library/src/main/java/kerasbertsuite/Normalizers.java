package kerasbertsuite;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The normalizers that a {@code tokenizer.json} may name, but for the compiled map, {@link CharacterMap}. */
final class Normalizers {
    private static final Unicode UNICODE = Unicode.tables();

    private Normalizers() {}

    /** Several steps, one after the other. */
    static Normalizer sequence(List<Normalizer> steps) {
        return text -> {
            AlignedText made = text;
            for (Normalizer step : steps) {
                made = step.apply(made);
            }
            return made;
        };
    }

    /** BERT's: drops control characters, sets Chinese characters apart, strips accents and lowers the case. */
    static Normalizer bert(boolean splitChinese, boolean stripAccents, boolean lowercase) {
        List<Normalizer> steps = new ArrayList<>();
        steps.add(Normalizers::cleaned);
        if (splitChinese) {
            steps.add(Normalizers::withSpacesAroundChinese);
        }
        if (stripAccents) {
            steps.add(text -> decomposed(text, false).without(UNICODE.accents));
        }
        if (lowercase) {
            steps.add(Normalizers::lowercased);
        }
        return sequence(steps);
    }

    private static AlignedText cleaned(AlignedText text) {
        AlignedText kept = text.without(UNICODE.removed);
        AlignedText.Builder made = new AlignedText.Builder(kept);
        for (int i = 0; i < kept.length(); i++) {
            made.add(UNICODE.spaces.contains(kept.characters[i]) ? ' ' : kept.characters[i], i);
        }
        return made.build();
    }

    private static AlignedText withSpacesAroundChinese(AlignedText text) {
        AlignedText.Builder made = new AlignedText.Builder(text);
        for (int i = 0; i < text.length(); i++) {
            int point = text.characters[i];
            made.addAll(UNICODE.chinese.contains(point) ? new int[] {' ', point, ' '} : new int[] {point}, i);
        }
        return made.build();
    }

    /** A text in lower case, each character for itself. */
    static AlignedText lowercased(AlignedText text) {
        AlignedText.Builder made = new AlignedText.Builder(text);
        for (int i = 0; i < text.length(); i++) {
            int[] lower = UNICODE.lowercase.get(text.characters[i]);
            made.addAll(lower == null ? new int[] {text.characters[i]} : lower, i);
        }
        return made.build();
    }

    /** A text decomposed, NFD or with {@code compatibility} NFKD, its marks in canonical order. */
    static AlignedText decomposed(AlignedText text, boolean compatibility) {
        AlignedText.Changes changes = new AlignedText.Changes(text.length());
        int[] classes = new int[text.length()];
        int run = 0;
        for (int point : text.characters) {
            int[] parts = UNICODE.decomposition(point, compatibility);
            int count = parts == null ? 1 : parts.length;
            for (int i = 0; i < count; i++) {
                int part = parts == null ? point : parts[i];
                int number = UNICODE.combiningClass(part);
                int size = changes.size();
                if (number == 0) {
                    changes.sortFrom(run, classes);
                    run = size + 1;
                }
                classes = size < classes.length ? classes : Arrays.copyOf(classes, size * 2 + 8);
                classes[size] = number;
                changes.add(part, i == 0 ? 0 : 1);
            }
        }
        changes.sortFrom(run, classes);
        return changes.applied(text);
    }

    /** Drops all marks, as {@code StripAccents} does. */
    static AlignedText withoutMarks(AlignedText text) {
        return text.without(UNICODE.nonspacing);
    }

    /** Drops the spaces of an end, or of both. */
    static Normalizer strip(boolean left, boolean right) {
        return text -> {
            int start = 0;
            int end = text.length();
            while (left && start < end && UNICODE.white.contains(text.characters[start])) {
                start++;
            }
            while (right && end > start && UNICODE.white.contains(text.characters[end - 1])) {
                end--;
            }
            return text.slice(start, end);
        };
    }

    /** Writes one text for another wherever it stands. */
    static Normalizer replace(int[] wanted, int[] content) {
        return text -> {
            AlignedText.Builder made = new AlignedText.Builder(text);
            for (int i = 0; i < text.length(); i++) {
                if (CodePoints.startsWith(text.characters, i, wanted)) {
                    i += wanted.length - 1;
                    made.addAll(content, i);
                } else {
                    made.add(text.characters[i], i);
                }
            }
            return made.build();
        };
    }

    /** Puts a text before the first character, in its place. */
    static Normalizer prepend(int[] content) {
        return text -> {
            AlignedText.Builder made = new AlignedText.Builder(text);
            for (int i = 0; i < text.length(); i++) {
                if (i == 0) {
                    made.addAll(content, 0);
                }
                made.add(text.characters[i], i);
            }
            return made.build();
        };
    }

    /** Writes one text for a space that is the first character. */
    static Normalizer replaceFirstSpace(int[] content) {
        return text -> {
            AlignedText.Builder made = new AlignedText.Builder(text);
            for (int i = 0; i < text.length(); i++) {
                boolean isFirst = i == 0 && text.characters[i] == ' ';
                made.addAll(isFirst ? content : new int[] {text.characters[i]}, i);
            }
            return made.build();
        };
    }

    /** Drops the spaces of both ends, and no other kinds of white space. */
    static AlignedText withoutSpacesAtEnds(AlignedText text) {
        int start = 0;
        int end = text.length();
        while (start < end && text.characters[start] == ' ') {
            start++;
        }
        while (end > start && text.characters[end - 1] == ' ') {
            end--;
        }
        return text.slice(start, end);
    }

    /** Writes one text for each run of two spaces or more. */
    static Normalizer replaceRunsOfSpaces(int[] content) {
        return text -> {
            AlignedText.Builder made = new AlignedText.Builder(text);
            for (int i = 0; i < text.length(); i++) {
                int last = i;
                while (text.characters[i] == ' ' && last + 1 < text.length() && text.characters[last + 1] == ' ') {
                    last++;
                }
                made.addAll(last > i ? content : new int[] {text.characters[i]}, last);
                i = last;
            }
            return made.build();
        };
    }
}
