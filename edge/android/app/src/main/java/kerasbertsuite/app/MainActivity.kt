package kerasbertsuite.app

import android.app.Activity
import android.graphics.Color
import android.os.Bundle
import android.text.Editable
import android.text.Spanned
import android.text.TextWatcher
import android.text.style.BackgroundColorSpan
import android.widget.EditText
import android.widget.LinearLayout
import android.widget.TextView
import java.io.IOException
import java.nio.channels.FileChannel
import java.util.concurrent.Executors
import kerasbertsuite.Answer
import kerasbertsuite.CodePoints
import kerasbertsuite.InputException
import kerasbertsuite.ModelFile
import kerasbertsuite.Pipeline

/** One screen: a text, and below it what the model says of it as one types, and how long that took. */
class MainActivity : Activity() {
    private val worker = Executors.newSingleThreadExecutor()
    private lateinit var text: EditText
    private lateinit var result: TextView
    private lateinit var latency: TextView

    // What the text is now: of a text that has changed since, nothing is asked.
    @Volatile private var newest = ""

    // Of the worker's thread alone.
    private var model: LiteRtModel? = null
    private var pipeline: Pipeline? = null

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        text = EditText(this).apply { hint = getString(R.string.hint) }
        result = TextView(this).apply { textSize = 20f }
        latency = TextView(this)
        val space = (16 * resources.displayMetrics.density).toInt()
        setContentView(
            LinearLayout(this).apply {
                orientation = LinearLayout.VERTICAL
                fitsSystemWindows = true
                listOf(text, result, latency).forEach {
                    it.setPadding(space, space, space, space)
                    addView(it)
                }
            },
        )
        text.addTextChangedListener(object : TextWatcher {
            override fun beforeTextChanged(before: CharSequence, start: Int, count: Int, after: Int) = Unit

            override fun onTextChanged(after: CharSequence, start: Int, before: Int, count: Int) = Unit

            override fun afterTextChanged(after: Editable) = ask(after.toString())
        })
        worker.execute { load() }
    }

    override fun onDestroy() {
        worker.execute { model?.close() }
        worker.shutdown()
        super.onDestroy()
    }

    private fun load() {
        try {
            val content = assets.openFd("model.tflite").use { asset ->
                asset.createInputStream().use {
                    it.channel.map(FileChannel.MapMode.READ_ONLY, asset.startOffset, asset.declaredLength)
                }
            }
            val file = ModelFile.of(content, "model.tflite")
            val name = file.task().name()
            if (name !in SHOWN) {
                say(getString(R.string.other_task, name))
                return
            }
            val made = LiteRtModel(file, THREADS)
            model = made
            pipeline = Pipeline(file, made)
        } catch (error: IOException) {
            say(getString(R.string.no_model))
        } catch (error: InputException) {
            say(error.message.orEmpty())
        }
    }

    private fun say(message: String) = runOnUiThread { result.text = message }

    /** Asks the model of a text, and shows the answer where the text is still that. */
    private fun ask(asked: String) {
        newest = asked
        worker.execute {
            val ready = pipeline?.takeIf { newest == asked } ?: return@execute
            val start = System.nanoTime()
            val answer = ready.answer(asked)
            val milliseconds = (System.nanoTime() - start) / 1e6
            runOnUiThread {
                if (newest == asked) {
                    show(answer, asked, milliseconds)
                }
            }
        }
    }

    private fun show(answer: Answer, asked: String, milliseconds: Double) {
        val label = answer.label()
        val value = answer.number("value")
        val labels = answer.values()["labels"]
        result.text = when {
            label != null -> getString(R.string.labeled, label, answer.number("score"))
            !value.isNaN() -> getString(R.string.value, value)
            labels is List<*> -> labels.joinToString()
            else -> answer.spans().joinToString("\n") { getString(R.string.labeled, it.label, it.score) }
        }
        latency.text = getString(R.string.latency, milliseconds)
        val shown = text.text
        shown.getSpans(0, shown.length, BackgroundColorSpan::class.java).forEach(shown::removeSpan)
        for (entity in answer.spans()) {
            // Offsets count code points; Android's spans count UTF-16 units.
            val start = CodePoints.utf16(asked, entity.start)
            val end = CodePoints.utf16(asked, entity.end)
            shown.setSpan(BackgroundColorSpan(color(entity.label)), start, end, Spanned.SPAN_EXCLUSIVE_EXCLUSIVE)
        }
    }

    /** A light color, the same for the same label. */
    private fun color(label: String): Int {
        val hue = label.hashCode().mod(360).toFloat()
        return Color.HSVToColor(floatArrayOf(hue, 0.35f, 1f))
    }

    private companion object {
        const val THREADS = 2
        val SHOWN = setOf("classification", "token_classification", "intent_slots")
    }
}
