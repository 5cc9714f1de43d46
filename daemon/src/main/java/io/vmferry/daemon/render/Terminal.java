package io.vmferry.daemon.render;

import java.io.PrintWriter;

/**
 * Where progress goes.
 *
 * @param out the stream people look at while something runs
 * @param interactive whether a line may be drawn over
 * @param columns the width of a line
 */
public record Terminal(PrintWriter out, boolean interactive, int columns) {
  /** The width where none is known. */
  public static final int DEFAULT_COLUMNS = 80;

  /** Draws over the line at hand; {@link #endLine} ends it. Interactive terminals only. */
  public void drawOver(String line) {
    // Return to the first column, draw, erase what is left of the old line.
    out.print("\r" + line + "\u001b[K");
    out.flush();
  }

  /** Ends a line that was drawn. */
  public void endLine() {
    out.println();
    out.flush();
  }
}
