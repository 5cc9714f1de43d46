package io.vmferry.daemon.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A bar for each contender, its median as length, with a whisker from the least to the greatest
 * value; as SVG.
 */
final class BarChart {
  private static final int WIDTH = 720;
  private static final int LEFT = 150;
  private static final int RIGHT = 110;
  private static final int TOP = 64;
  private static final int ROW = 44;
  private static final int BAR = 22;
  private static final int BOTTOM = 44;
  private static final int MAX_TICKS = 5;
  private static final String OURS = "#1f6f8b";
  private static final String THEIRS = "#b8bec4";
  private static final String INK = "#22272b";

  private final String title;
  private final String unit;
  private final List<Bar> bars = new ArrayList<>();

  private record Bar(String name, Spread value) {}

  BarChart(String title, String unit) {
    this.title = title;
    this.unit = unit;
  }

  /** The figure of a scenario, for each contender that has it. */
  static BarChart of(ScenarioResult scenario) {
    BarChart chart = new BarChart(scenario.title(), scenario.figure().label());
    for (String contender : scenario.contenders()) {
      Spread spread = scenario.spread(contender, scenario.figure()::of);
      if (spread != null) {
        chart.bar(contender, spread);
      }
    }
    return chart;
  }

  BarChart bar(String name, Spread value) {
    bars.add(new Bar(name, value));
    return this;
  }

  String svg() {
    int height = TOP + bars.size() * ROW + BOTTOM;
    double greatest = bars.stream().mapToDouble(bar -> bar.value().max()).max().orElse(1);
    double step = step(greatest);
    int ticks = Math.max(1, (int) Math.ceil(greatest / step - 1e-9));
    double scale = (WIDTH - LEFT - RIGHT) / (step * ticks);
    StringBuilder svg = new StringBuilder();
    svg.append(
        String.format(
            Locale.ROOT,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\""
                + " viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"14\""
                + " fill=\"%s\">%n",
            WIDTH,
            height,
            WIDTH,
            height,
            INK));
    svg.append("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
    text(svg, 20, 32, "start", title, " font-size=\"16\" font-weight=\"bold\"");
    axis(svg, step, ticks, scale);
    for (int i = 0; i < bars.size(); i++) {
      bar(svg, bars.get(i), TOP + i * ROW, scale);
    }
    return svg.append("</svg>\n").toString();
  }

  private void axis(StringBuilder svg, double step, int ticks, double scale) {
    int bottom = TOP + bars.size() * ROW;
    int decimals = Math.max(0, (int) -Math.floor(Math.log10(step) + 1e-9));
    for (int i = 0; i <= ticks; i++) {
      double x = LEFT + i * step * scale;
      line(svg, x, TOP - 6, x, bottom, i == 0 ? INK : "#e3e6e8");
      text(
          svg,
          x,
          bottom + 18,
          "middle",
          String.format(Locale.ROOT, "%." + decimals + "f", i * step),
          " font-size=\"12\"");
    }
    text(svg, LEFT, bottom + 36, "start", unit, " font-size=\"12\"");
  }

  private static void bar(StringBuilder svg, Bar bar, int top, double scale) {
    double middle = top + ROW / 2.0;
    double length = bar.value().median() * scale;
    String colour = bar.name().startsWith(Contender.VMFERRY) ? OURS : THEIRS;
    text(svg, LEFT - 10, middle + 5, "end", bar.name(), "");
    svg.append(
        String.format(
            Locale.ROOT,
            "<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>%n",
            LEFT,
            middle - BAR / 2.0,
            length,
            BAR,
            colour));
    double low = LEFT + bar.value().min() * scale;
    double high = LEFT + bar.value().max() * scale;
    if (high - low > 1) {
      line(svg, low, middle, high, middle, INK);
      line(svg, low, middle - 5, low, middle + 5, INK);
      line(svg, high, middle - 5, high, middle + 5, INK);
    }
    double end = Math.max(high, LEFT + length) + 8;
    text(svg, end, middle + 5, "start", number(bar.value().median()), "");
  }

  private static void line(
      StringBuilder svg, double x1, double y1, double x2, double y2, String colour) {
    svg.append(
        String.format(
            Locale.ROOT,
            "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\""
                + " stroke-width=\"1.5\"/>%n",
            x1,
            y1,
            x2,
            y2,
            colour));
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
            escaped(text)));
  }

  /** The distance of ticks: 1, 2 or 5 times a power of ten, so that the greatest value fits. */
  static double step(double greatest) {
    double least = Math.max(greatest, 1e-6) / MAX_TICKS;
    double power = Math.pow(10, Math.floor(Math.log10(least)));
    for (double factor : new double[] {1, 2, 5}) {
      if (factor * power >= least * (1 - 1e-9)) {
        return factor * power;
      }
    }
    return 10 * power;
  }

  private static String number(double value) {
    String format = value >= 100 ? "%.0f" : "%.2f";
    return String.format(Locale.ROOT, format, value);
  }

  private static String escaped(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }
}
