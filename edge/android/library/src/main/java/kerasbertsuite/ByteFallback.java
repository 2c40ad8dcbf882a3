package kerasbertsuite;

import java.nio.charset.StandardCharsets;
import java.util.Map;

/** The pieces {@code <0x00>} to {@code <0xFF>}, in which a model spells what none of its other pieces covers. */
final class ByteFallback {
    private final int[] ids = new int[256];
    private final String[] names = new String[256];

    /**
     * Makes one.
     *
     * @param vocabulary the ids of the model's pieces.
     * @param what what messages call the file.
     * @throws InputException a byte has no piece.
     */
    ByteFallback(Map<String, Integer> vocabulary, String what) {
        for (int value = 0; value < ids.length; value++) {
            names[value] = String.format("<0x%02X>", value);
            Integer id = vocabulary.get(names[value]);
            if (id == null) {
                throw new InputException(what + " has byte_fallback without " + names[value]
                        + "; expected a piece for each byte.");
            }
            ids[value] = id;
        }
    }

    /** The ids that spell a text. */
    int[] spell(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int[] found = new int[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            found[i] = ids[bytes[i] & 0xFF];
        }
        return found;
    }

    /** Adds a text as the pieces of its bytes, each in the place of the whole. */
    void add(String text, AlignedText word, int start, int end, int number, Pieces pieces) {
        for (byte value : text.getBytes(StandardCharsets.UTF_8)) {
            pieces.add(ids[value & 0xFF], names[value & 0xFF], word, start, end, number);
        }
    }
}
