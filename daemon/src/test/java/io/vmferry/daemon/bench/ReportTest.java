package io.vmferry.daemon.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.vmferry.daemon.api.Json;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

class ReportTest {
  @TempDir Path directory;

  @Test
  void aBarIsAsLongAsItsMedianAndTheWhiskersReachTheExtremes() throws Exception {
    String svg =
        new BarChart("a < b & c", "GiB/s")
            .bar("vmferry", new Spread(1, 0.5, 2))
            .bar("c", new Spread(2, 2, 2))
            .svg();

    Document document = parse(svg);
    NodeList bars = document.getElementsByTagName("rect");
    double ours = Double.parseDouble(((Element) bars.item(1)).getAttribute("width"));
    double theirs = Double.parseDouble(((Element) bars.item(2)).getAttribute("width"));
    assertEquals(2, theirs / ours, 0.01);
    assertEquals("a < b & c", document.getElementsByTagName("text").item(0).getTextContent());
    assertTrue(svg.contains(String.format("x2=\"%.1f\"", 150 + theirs)), svg);
  }

  @Test
  void aChartWithoutBarsIsStillOne() throws Exception {
    parse(new BarChart("nothing", "ms").svg());
  }

  @ParameterizedTest
  @CsvSource({"5, 1", "5.1, 2", "0.9, 0.2", "1234, 500", "0, 0.0000002"})
  void ticksAreRoundNumbers(double greatest, double step) {
    assertEquals(step, BarChart.step(greatest), step * 1e-9);
  }

  @Test
  void textHasATableAndTheVerdictsAndTheNote() {
    List<String> lines = BenchText.lines(result());

    assertTrue(
        lines.stream().anyMatch(line -> line.matches(" +vmferry +2\\.00 +500.*")), lines::toString);
    assertTrue(
        lines.stream()
            .anyMatch(line -> line.matches(" +throughput over c +0\\.50 +>= 1\\.3 +not met")),
        lines::toString);
    assertTrue(lines.contains("21 GiB of free memory kept at hand between runs"), lines::toString);
    assertTrue(lines.contains("Left out: qemu: is not there"));
    assertTrue(lines.contains("Failed: scale: did not work"));
    assertEquals(BenchResult.NOTE, lines.get(lines.size() - 1));
  }

  @Test
  void columnsInWhichNothingStandsAreLeftOut() {
    assertTrue(BenchText.lines(result()).stream().noneMatch(line -> line.contains("heap MiB")));
  }

  @Test
  void filesAreTextAndJsonAndAPlotOfEachScenario() throws Exception {
    ResultFiles.write(result(), directory.resolve("new"));

    try (Stream<Path> files = Files.list(directory.resolve("new"))) {
      assertEquals(
          List.of("precopy-cold-1.svg", "results.json", "results.txt"),
          files.map(file -> file.getFileName().toString()).sorted().toList());
    }
    JsonNode json =
        Json.STRICT.readTree(Files.readString(directory.resolve("new").resolve("results.json")));
    JsonNode run = json.at("/scenarios/0/runs/0");
    assertEquals("vmferry", run.get("contender").asText());
    assertEquals(2.0, run.get("gib_per_second").asDouble());
    assertEquals(2.0, run.get("cpu_seconds_per_gib").asDouble());
    assertEquals(21L << 30, json.get("kept_memory_bytes").asLong());
    assertEquals(0.5, json.at("/scenarios/0/goals/0/measured/median").asDouble());
    assertEquals(BenchResult.NOTE, json.get("note").asText());
  }

  private static BenchResult result() {
    List<RunFigures> runs = List.of(RunsTest.run("vmferry", 500), RunsTest.run("c", 250));
    ScenarioResult scenario =
        new ScenarioResult(
            "precopy-cold-1",
            "Precopy",
            Figure.THROUGHPUT,
            runs,
            new Goals(runs).throughputOver("c", 1.3).throughputOver("qemu", 2.5).list(),
            List.of());
    return new BenchResult(
        new MachineFacts("a CPU", 2, 8L << 30, "6.1", "17"),
        1L << 30,
        "random",
        "none",
        1,
        21L << 30,
        List.of(scenario),
        List.of("qemu: is not there"),
        List.of("scale: did not work"),
        BenchResult.NOTE);
  }

  private static Document parse(String svg) throws Exception {
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new ByteArrayInputStream(svg.getBytes(StandardCharsets.UTF_8)));
  }
}
