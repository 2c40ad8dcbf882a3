package kerasbertsuite;

import java.util.ArrayList;
import java.util.List;

/** The pre-tokenizers that a {@code tokenizer.json} may name, but for byte-level BPE's, {@link ByteLevel}. */
final class PreTokenizers {
    private static final Unicode UNICODE = Unicode.tables();

    private PreTokenizers() {}

    /** Several steps, each of which cuts what the one before left. */
    static PreTokenizer sequence(List<PreTokenizer> steps) {
        return (text, words) -> {
            List<AlignedText> parts = new ArrayList<>();
            parts.add(text);
            for (PreTokenizer step : steps) {
                List<AlignedText> found = new ArrayList<>();
                for (AlignedText part : parts) {
                    step.split(part, found);
                }
                parts = found;
            }
            words.addAll(parts);
        };
    }

    /** Cuts at spaces, which it drops. */
    static void atSpaces(AlignedText text, List<AlignedText> words) {
        int start = 0;
        for (int i = 0; i <= text.length(); i++) {
            if (i == text.length() || UNICODE.white.contains(text.characters[i])) {
                addPart(text, start, i, words);
                start = i + 1;
            }
        }
    }

    /** Makes each punctuation character a part of its own. */
    static void atPunctuation(AlignedText text, List<AlignedText> words) {
        int start = 0;
        for (int i = 0; i < text.length(); i++) {
            if (UNICODE.alone.contains(text.characters[i])) {
                addPart(text, start, i, words);
                addPart(text, i, i + 1, words);
                start = i + 1;
            }
        }
        addPart(text, start, text.length(), words);
    }

    /** When a text gets a mark in front. */
    enum Prepend {
        ALWAYS,
        FIRST,
        NEVER
    }

    /**
     * SentencePiece's: writes a mark for each space.
     *
     * @param mark the mark.
     * @param prepend when a text that does not begin with the mark gets one; {@code FIRST}: at the original's start.
     * @param splits whether the text is cut before each mark.
     */
    static PreTokenizer metaspace(int mark, Prepend prepend, boolean splits) {
        Normalizer marks = Normalizers.replace(new int[] {' '}, new int[] {mark});
        return (text, words) -> {
            AlignedText marked = marks.apply(text);
            boolean wanted = prepend == Prepend.ALWAYS || (prepend == Prepend.FIRST && text.starts[0] == 0);
            if (wanted && marked.characters[0] != mark) {
                marked = withFirst(marked, mark);
            }
            int start = 0;
            for (int i = 1; splits && i < marked.length(); i++) {
                if (marked.characters[i] == mark) {
                    addPart(marked, start, i, words);
                    start = i;
                }
            }
            addPart(marked, start, marked.length(), words);
        };
    }

    /** A text with a character put before it, which is of the original of its first. */
    static AlignedText withFirst(AlignedText text, int point) {
        AlignedText.Builder made = new AlignedText.Builder(text);
        made.add(point, 0);
        for (int i = 0; i < text.length(); i++) {
            made.add(text.characters[i], i);
        }
        return made.build();
    }

    static void addPart(AlignedText text, int start, int end, List<AlignedText> words) {
        if (start < end) {
            words.add(text.slice(start, end));
        }
    }
}
