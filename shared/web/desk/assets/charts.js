// Draws the table of figures. The table stays beside it, for those who cannot see a chart, and for paper.
"use strict";
addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("chart");
  const table = document.getElementById("figures");
  if (!place || !table || !window.uPlot) return;
  const heads = [...table.tHead.rows[0].cells];
  const drawn = place.dataset.drawn.split(" ");
  const rows = [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.dataset.value));
  const time = place.dataset.kind === "time";
  if (time) rows.reverse();
  const shown = time ? rows : rows.slice(0, 20);
  const style = getComputedStyle(document.documentElement);
  const probe = document.body.appendChild(document.createElement("span"));
  const colour = (name) => { probe.style.color = style.getPropertyValue(name); return getComputedStyle(probe).color; };
  // told apart by lightness and dashes too, not by hue alone (Okabe and Ito's palette)
  const strokes = matchMedia("(prefers-color-scheme: dark)").matches ? ["#56b4e9", "#e69f00", "#f0e442"] : ["#0072b2", "#b35900", "#4d4d4d"];
  const dashes = [[], [8, 4], [2, 3]];
  const scale = (name) => (name.endsWith("_cents") ? 0.01 : name.endsWith("_seconds") ? 1 / 60 : 1);
  const columns = drawn.map((name) => heads.findIndex((head) => head.dataset.name === name));
  const x = shown.map((row, number) => (time ? Date.parse(`${row[0]}T00:00:00Z`) / 1000 : number));
  const bars = uPlot.paths.bars({ size: [0.28, 26], align: 0 });
  const grid = { stroke: colour("--line"), width: 1 };
  const axis = { stroke: colour("--ink-2"), grid, ticks: grid, font: "12px system-ui, sans-serif" };
  const draw = () => {
    place.replaceChildren();
    new uPlot({
      width: place.clientWidth, height: 260, tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
      scales: { x: { time, range: time ? undefined : [-0.6, Math.max(shown.length - 0.4, 1)] } },
      axes: [
        { ...axis, ...(time ? {} : { splits: () => x, values: (_plot, at) => at.map((number) => (shown[number]?.[0] || "none").slice(0, 14)), rotate: -35, size: 84 }) },
        { ...axis, size: 62 },
      ],
      series: [
        time ? { value: "{YYYY}-{MM}-{DD}" } : { label: heads[0].textContent, value: (_plot, number) => shown[number]?.[0] ?? "" },
        ...drawn.map((name, number) => ({
          label: heads[columns[number]].textContent + (name.endsWith("_cents") ? " (CAD)" : name.endsWith("_seconds") ? " (min)" : ""),
          stroke: strokes[number], width: 2, dash: dashes[number], spanGaps: true,
          ...(time ? { points: { show: shown.length < 40 } } : { points: { show: false }, fill: `${strokes[number]}44`, paths: (plot, series, from, to) => bars(plot, series, from, to) }),
        })),
      ],
    }, [x, ...columns.map((column, number) => shown.map((row) => (row[column] === "" ? null : Number(row[column]) * scale(drawn[number]) + (time ? 0 : 0))))], place);
  };
  draw();
  probe.remove();
  let waiting = 0;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(draw, 150); });
});
