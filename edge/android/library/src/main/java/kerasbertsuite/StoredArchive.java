package kerasbertsuite;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.CRC32;

/** Reads the ZIP archive of stored, not compressed, files that is at the end of a {@code .tflite}. */
final class StoredArchive {
    private static final int END = 0x06054b50;
    private static final int ENTRY = 0x02014b50;
    private static final int LOCAL = 0x04034b50;
    private static final int END_SIZE = 22;
    private static final int ENTRY_SIZE = 46;
    private static final int LOCAL_SIZE = 30;
    private static final int LONGEST_COMMENT = 0xFFFF;

    private final ByteBuffer content;

    private StoredArchive(ByteBuffer content) {
        this.content = content;
    }

    /** The files of an archive as texts by name, in its order; null where there is no whole archive. */
    static Map<String, String> files(ByteBuffer content) {
        try {
            return new StoredArchive(content.duplicate().order(ByteOrder.LITTLE_ENDIAN)).read();
        } catch (IndexOutOfBoundsException | IllegalArgumentException | CharacterCodingException error) {
            return null;
        }
    }

    private Map<String, String> read() throws CharacterCodingException {
        int end = content.limit() - END_SIZE;
        int last = Math.max(end - LONGEST_COMMENT, 0);
        while (end >= last && content.getInt(end) != END) {
            end--;
        }
        if (end < last) {
            return null;
        }
        int count = content.getShort(end + 10) & 0xFFFF;
        int at = end - content.getInt(end + 12);
        // What is before the archive: the offsets in it may or may not count that.
        int before = at - content.getInt(end + 16);
        Map<String, String> files = new LinkedHashMap<>();
        for (int i = 0; i < count; i++) {
            if (content.getInt(at) != ENTRY || content.getShort(at + 10) != 0) {
                return null;
            }
            int checksum = content.getInt(at + 16);
            int size = content.getInt(at + 24);
            int nameSize = content.getShort(at + 28) & 0xFFFF;
            int rest = (content.getShort(at + 30) & 0xFFFF) + (content.getShort(at + 32) & 0xFFFF);
            int local = before + content.getInt(at + 42);
            if (content.getInt(local) != LOCAL) {
                return null;
            }
            int skipped = (content.getShort(local + 26) & 0xFFFF) + (content.getShort(local + 28) & 0xFFFF);
            byte[] file = bytes(local + LOCAL_SIZE + skipped, size);
            CRC32 found = new CRC32();
            found.update(file, 0, file.length);
            if ((int) found.getValue() != checksum) {
                return null;
            }
            files.put(text(bytes(at + ENTRY_SIZE, nameSize)), text(file));
            at += ENTRY_SIZE + nameSize + rest;
        }
        return files;
    }

    private byte[] bytes(int start, int size) {
        if (size < 0 || start < 0 || start > content.limit() - size) {
            throw new IndexOutOfBoundsException();
        }
        byte[] found = new byte[size];
        ByteBuffer part = content.duplicate();
        part.position(start);
        part.get(found);
        return found;
    }

    private static String text(byte[] bytes) throws CharacterCodingException {
        CharBuffer text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
        return text.toString();
    }
}
