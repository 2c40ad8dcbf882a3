package kerasbertsuite;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Text to token ids, with offsets; {@link TokenizerFiles} makes it from a model's files. Safe across threads. */
public final class Tokenizer {
    /** A {@code maxLength} that cuts nothing. */
    public static final int WHOLE = Integer.MAX_VALUE;

    private final AddedPieces verbatim;
    private final AddedPieces normalized;
    private final Normalizer normalizer;
    private final PreTokenizer preTokenizer;
    private final PieceModel model;
    private final Framing framing;
    private final boolean numbersWords;
    private final int padId;
    private final boolean padsLeft;

    /**
     * Makes one of its parts.
     *
     * @param verbatim pieces found in the text as it was given.
     * @param normalized pieces found in the normalized text.
     * @param steps what rewrites a text, what cuts it into words, and the vocabulary.
     * @param framing the special pieces around it.
     * @param numbersWords whether words are numbered by the rule for all kinds rather than by the pre-tokenizer.
     * @param padId the id of padding.
     * @param padsLeft whether padding is before the ids.
     */
    Tokenizer(
            AddedPieces verbatim,
            AddedPieces normalized,
            Steps steps,
            Framing framing,
            boolean numbersWords,
            int padId,
            boolean padsLeft) {
        this.verbatim = verbatim;
        this.normalized = normalized;
        this.normalizer = steps.normalizer;
        this.preTokenizer = steps.preTokenizer;
        this.model = steps.model;
        this.framing = framing;
        this.numbersWords = numbersWords;
        this.padId = padId;
        this.padsLeft = padsLeft;
    }

    /** What a text goes through. */
    static final class Steps {
        final Normalizer normalizer;
        final PreTokenizer preTokenizer;
        final PieceModel model;

        Steps(Normalizer normalizer, PreTokenizer preTokenizer, PieceModel model) {
            this.normalizer = normalizer;
            this.preTokenizer = preTokenizer;
            this.model = model;
        }
    }

    /**
     * A text, or a pair of texts, as ids.
     *
     * @param text the text.
     * @param pair the second text, or null.
     * @param maxLength ids at most, the special ones included, or {@code WHOLE}; of a pair the longer text is cut
     *     first.
     * @throws InputException there is no room for a single piece.
     */
    public Encoding encode(String text, String pair, int maxLength) {
        int[][] texts = texts(text, pair);
        Pieces[] found = pieces(texts);
        int room = maxLength - framing.added(pair != null);
        if (room < 1) {
            throw new InputException("Received max_length=" + maxLength + "; expected " + (maxLength - room + 1)
                    + " or more, as " + (maxLength - room) + " are special tokens.");
        }
        int[] sizes = sizes(found, room);
        boolean truncated = false;
        for (int i = 0; i < found.length; i++) {
            truncated |= sizes[i] < found[i].size();
            found[i] = found[i].slice(0, sizes[i]);
        }
        return encoding(found, texts, truncated);
    }

    /** A text as all its ids. */
    public Encoding encode(String text) {
        return encode(text, null, WHOLE);
    }

    /** How many pieces of each text are kept where so many have room. */
    private static int[] sizes(Pieces[] found, int room) {
        if (found.length == 1) {
            return new int[] {Math.min(found[0].size(), room)};
        }
        int shorter = Math.min(found[0].size(), found[1].size());
        int longer = Math.max(found[0].size(), found[1].size());
        if ((long) shorter + longer > room) {
            longer = Math.max(shorter, room - shorter);
            if ((long) shorter + longer > room) {
                shorter = room / 2;
                longer = room - shorter;
            }
        }
        boolean isSwapped = found[0].size() > found[1].size();
        return isSwapped ? new int[] {longer, shorter} : new int[] {shorter, longer};
    }

    /**
     * A text, however long, as windows that overlap.
     *
     * @param text the text.
     * @param pair the second text, or null; of a pair the second is cut and the first stands whole in each window.
     * @param maxLength ids of a window at most, the special ones included.
     * @param stride pieces that a window shares with the one before.
     * @throws InputException a window has no room for more than the stride.
     */
    public List<Encoding> windows(String text, String pair, int maxLength, int stride) {
        int room = maxLength - framing.added(pair != null);
        if (stride < 0 || stride >= room) {
            throw new InputException("Received stride=" + stride + "; expected 0 to " + (room - 1) + ": a window of "
                    + maxLength + " ids has " + room + " pieces.");
        }
        int[][] texts = texts(text, pair);
        Pieces[] found = pieces(texts);
        int cut = found.length - 1;
        Pieces whole = found[cut];
        int size = pair == null ? room : room - found[0].size();
        if (size < whole.size() && (size < 1 || stride >= size) || size < 0) {
            throw new InputException("A first text of " + found[0].size() + " pieces leaves no room for windows of "
                    + "the second in " + maxLength + " ids that share " + stride + " pieces.");
        }
        List<Encoding> windows = new ArrayList<>();
        int start = 0;
        int end;
        do {
            end = Math.min(start + size, whole.size());
            found[cut] = whole.slice(start, end);
            windows.add(encoding(found, texts, false));
            start += size - stride;
        } while (end < whole.size());
        return windows;
    }

    /**
     * Encodings as padded arrays.
     *
     * @param encodings the encodings, each of {@code length} ids at most.
     * @param length the width of the arrays.
     */
    public Batch arrays(List<Encoding> encodings, int length) {
        Batch batch = new Batch(encodings.size(), length);
        for (int i = 0; i < encodings.size(); i++) {
            Encoding encoding = encodings.get(i);
            int start = start(encoding, length);
            Arrays.fill(batch.tokenIds[i], padId);
            System.arraycopy(encoding.ids, 0, batch.tokenIds[i], start, encoding.size());
            System.arraycopy(encoding.segmentIds, 0, batch.segmentIds[i], start, encoding.size());
            Arrays.fill(batch.paddingMask[i], start, start + encoding.size(), 1);
        }
        return batch;
    }

    /** Where the ids of an encoding start in a row of this length. */
    int start(Encoding encoding, int length) {
        if (encoding.size() > length) {
            throw new InputException("Received a row of " + encoding.size() + " ids; expected " + length + " at most.");
        }
        return padsLeft ? length - encoding.size() : 0;
    }

    private static int[][] texts(String text, String pair) {
        return pair == null
                ? new int[][] {CodePoints.of(text)}
                : new int[][] {CodePoints.of(text), CodePoints.of(pair)};
    }

    private Encoding encoding(Pieces[] found, int[][] texts, boolean truncated) {
        Encoding encoding = framing.encoding(found, truncated);
        if (numbersWords) {
            encoding.numberWords(texts);
        }
        return encoding;
    }

    private Pieces[] pieces(int[][] texts) {
        Pieces[] found = new Pieces[texts.length];
        for (int i = 0; i < texts.length; i++) {
            found[i] = pieces(texts[i]);
        }
        return found;
    }

    private Pieces pieces(int[] text) {
        List<AddedPieces.Part> parts = new ArrayList<>();
        for (AddedPieces.Part part : verbatim.split(AlignedText.of(text))) {
            if (part.id == AddedPieces.Part.NO_PIECE) {
                parts.addAll(normalized.split(normalizer.apply(part.text)));
            } else {
                parts.add(part);
            }
        }
        Pieces pieces = new Pieces();
        int number = 0;
        for (AddedPieces.Part part : parts) {
            if (part.id != AddedPieces.Part.NO_PIECE) {
                int size = part.text.length();
                pieces.add(part.id, new String(part.text.characters, 0, size), part.text, 0, size, number++);
                continue;
            }
            List<AlignedText> words = new ArrayList<>();
            preTokenizer.split(part.text, words);
            for (AlignedText word : words) {
                model.cut(word, number++, pieces);
            }
        }
        return pieces;
    }
}
