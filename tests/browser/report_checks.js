// Checks that tests run inside the page. Unless noted otherwise, each returns the violations it finds.

const visible = element => element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;

// Every visible chart: its key, number of marks, height and smallest font size in pixels.
function shownCharts() {
  return [...document.querySelectorAll(".chart svg")].filter(visible).map(svg => {
    const box = svg.getBoundingClientRect();
    const scale = box.width / svg.viewBox.baseVal.width;
    const sizes = [...svg.querySelectorAll("text")].map(text => parseFloat(getComputedStyle(text).fontSize) * scale);
    const marks = [...svg.querySelectorAll(".role-mark path, .role-mark line")].filter(mark => {
      const extent = mark.getBBox();
      return extent.width + extent.height > 0;
    });
    const key = svg.getAttribute("aria-labelledby").split(/-(?:wide|narrow)-/)[0];
    return { key, marks: marks.length, height: box.height, smallestText: Math.min(...sizes) };
  });
}

// Texts of charts that extend beyond the card of their chart.
function clippedTexts() {
  return [...document.querySelectorAll(".chart svg text")].filter(visible).filter(text => {
    const inside = text.getBoundingClientRect(), around = text.closest(".card").getBoundingClientRect();
    return text.textContent && (inside.left < around.left || inside.right > around.right || inside.top < around.top);
  }).map(text => text.textContent);
}

// Charts, regions and navigation without an accessible name; links, headings and summaries without text.
function unnamed() {
  const named = element => (element.getAttribute("aria-labelledby") || "").split(" ").filter(Boolean)
    .every(id => document.getElementById(id)?.textContent.trim()) && element.hasAttribute("aria-labelledby")
    || element.getAttribute("aria-label");
  const wanted = "svg, [role=region], nav, main > section, .sections > section";
  const without = [...document.querySelectorAll(wanted)].filter(element => !named(element));
  const empty = [...document.querySelectorAll("a, summary, h1, h2, h3, th, caption")].filter(e => !e.textContent.trim());
  const charts = [...document.querySelectorAll("svg")].filter(svg => svg.getAttribute("role") !== "img"
    || !svg.querySelector(":scope > title")?.textContent || !svg.querySelector(":scope > desc")?.textContent);
  return [...without, ...empty, ...charts].map(element => element.outerHTML.slice(0, 120));
}

// Tables without a caption, with a header cell without a scope, or with rows of different lengths.
function badTables() {
  return [...document.querySelectorAll("table")].filter(table => {
    const lengths = new Set([...table.rows].map(row => row.cells.length));
    const headings = [...table.querySelectorAll("th")];
    return !table.caption?.textContent.trim() || lengths.size !== 1
      || headings.some(th => th.scope !== (th.closest("thead") ? "col" : "row"))
      || [...table.tBodies[0].rows].some(row => row.cells[0].tagName !== "TH");
  }).map(table => table.outerHTML.slice(0, 120));
}

// Every visible text with the contrast between its colour and its background.
function contrasts() {
  const channels = colour => (colour.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const painted = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  // In a chart: the last filled shape whose box holds the middle of the text, or the card.
  const shapes = new Map();
  const behind = text => {
    const svg = text.closest("svg");
    if (!shapes.has(svg)) {
      shapes.set(svg, [...svg.querySelectorAll(".mark-rect path")].map(shape => [shape.getBoundingClientRect(), shape]));
    }
    const box = text.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
    const over = shapes.get(svg).filter(([b]) => b.left <= x && x <= b.right && b.top <= y && y <= b.bottom).pop();
    const colour = over && channels(getComputedStyle(over[1]).fill);
    return colour?.length === 3 ? colour : painted(svg);
  };
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
    if (!text || element.closest("title, desc, .unseen, .skip") || !visible(element)) continue;
    const inChart = element.closest("svg"), style = getComputedStyle(element);
    const contrast = ratio(channels(inChart ? style.fill : style.color), inChart ? behind(element) : painted(element));
    texts.push({ text: text.slice(0, 40), contrast: Math.round(contrast * 100) / 100, colour: inChart ? style.fill : style.color });
  }
  return texts;
}
