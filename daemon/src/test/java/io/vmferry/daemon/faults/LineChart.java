package io.vmferry.daemon.faults;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Series over the number of a migration, one panel for each figure; as SVG. */
final class LineChart {
  private static final int WIDTH = 720;
  private static final int LEFT = 70;
  private static final int RIGHT = 120;
  private static final int TOP = 48;
  private static final int PANEL = 150;
  private static final int GAP = 56;
  private static final String INK = "#22272b";
  private static final String GRID = "#e3e6e8";
  private static final List<String> COLOURS = List.of("#1f6f8b", "#c2571a");

  private final String title;
  private final List<Panel> panels = new ArrayList<>();

  /** One figure of several series; all of the same length. */
  record Panel(String label, List<String> names, List<List<Double>> series) {
    Panel {
      names = List.copyOf(names);
      series = series.stream().map(List::copyOf).toList();
    }
  }

  LineChart(String title) {
    this.title = title;
  }

  LineChart panel(Panel panel) {
    panels.add(panel);
    return this;
  }

  String svg() {
    int height = TOP + panels.size() * (PANEL + GAP);
    StringBuilder svg = new StringBuilder();
    svg.append(
        String.format(
            Locale.ROOT,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\""
                + " viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\""
                + " fill=\"%s\">%n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>%n",
            WIDTH,
            height,
            WIDTH,
            height,
            INK));
    text(svg, 20, 28, "start", title, " font-size=\"16\" font-weight=\"bold\"");
    for (int i = 0; i < panels.size(); i++) {
      panel(svg, panels.get(i), TOP + 16 + i * (PANEL + GAP));
    }
    return svg.append("</svg>\n").toString();
  }

  private static void panel(StringBuilder svg, Panel panel, int top) {
    double greatest =
        panel.series().stream().flatMap(List::stream).mapToDouble(v -> v).max().orElse(1);
    // From zero: what is flat must look flat.
    double ceiling = Math.max(1, greatest * 1.1);
    int bottom = top + PANEL;
    text(svg, LEFT, top - 6, "start", panel.label(), "");
    for (int i = 0; i <= 2; i++) {
      double y = bottom - PANEL * i / 2.0;
      line(svg, LEFT, y, WIDTH - RIGHT, y);
      String mark = String.format(Locale.ROOT, "%.0f", ceiling * i / 2);
      text(svg, LEFT - 8, y + 4, "end", mark, "");
    }
    for (int i = 0; i < panel.series().size(); i++) {
      List<Double> values = panel.series().get(i);
      String colour = COLOURS.get(i % COLOURS.size());
      StringBuilder points = new StringBuilder();
      for (int k = 0; k < values.size(); k++) {
        double x = LEFT + (double) (WIDTH - LEFT - RIGHT) * k / Math.max(1, values.size() - 1);
        double y = bottom - PANEL * values.get(k) / ceiling;
        points.append(String.format(Locale.ROOT, "%.1f,%.1f ", x, y));
      }
      svg.append(
          String.format(
              Locale.ROOT,
              "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\"/>%n",
              points.toString().strip(),
              colour));
      text(
          svg,
          WIDTH - RIGHT + 10,
          top + 14 + 16 * i,
          "start",
          panel.names().get(i),
          " fill=\"" + colour + "\"");
    }
    int last = panel.series().isEmpty() ? 0 : panel.series().get(0).size();
    text(svg, LEFT, bottom + 16, "middle", "1", "");
    text(svg, WIDTH - RIGHT, bottom + 16, "middle", last + " migrations", "");
  }

  private static void line(StringBuilder svg, double x1, double y1, double x2, double y2) {
    svg.append(
        String.format(
            Locale.ROOT,
            "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>%n",
            x1,
            y1,
            x2,
            y2,
            GRID));
  }

  private static void text(
      StringBuilder svg, double x, double y, String anchor, String text, String more) {
    svg.append(
        String.format(
            Locale.ROOT,
            "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>%s</text>%n",
            x,
            y,
            anchor,
            more,
            text));
  }
}
