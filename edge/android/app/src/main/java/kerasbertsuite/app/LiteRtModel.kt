package kerasbertsuite.app

import java.nio.FloatBuffer
import kerasbertsuite.Batch
import kerasbertsuite.Model
import kerasbertsuite.ModelFile
import kerasbertsuite.Output
import org.tensorflow.lite.Interpreter

/**
 * The model of a file on LiteRT's interpreter, by the signature of a row's length. For one thread at a time.
 *
 * @param file the file.
 * @param threads threads of the interpreter.
 */
class LiteRtModel(private val file: ModelFile, threads: Int) : Model, AutoCloseable {
    private val interpreter = Interpreter(file.content(), Interpreter.Options().setNumThreads(threads))

    override fun lengths(): IntArray = file.lengths()

    override fun run(row: Batch): Map<String, Output> {
        val signature = file.signature(row.tokenIds[0].size)
        val wanted = interpreter.getSignatureInputs(signature).toSet()
        val inputs: Map<String, Any> = mapOf(
            "input_word_ids" to row.tokenIds,
            "input_mask" to row.paddingMask,
            "input_type_ids" to row.segmentIds,
        ).filterKeys { it in wanted }
        val shapes = interpreter.getSignatureOutputs(signature).associateWith {
            interpreter.getOutputTensorFromSignature(it, signature).shape()
        }
        val buffers = shapes.mapValues { (_, shape) -> FloatBuffer.allocate(shape.fold(1, Int::times)) }
        val outputs: Map<String, Any> = buffers
        interpreter.runSignature(inputs, outputs, signature)
        // The first axis is the batch's; a third one is the labels' of each id.
        return shapes.mapValues { (name, shape) ->
            Output.of(buffers.getValue(name).array(), if (shape.size == 3) shape[2] else 1)
        }
    }

    override fun close() = interpreter.close()
}
