// Checks that a test runs inside the page. Each returns what it found; an empty list is good unless it says otherwise.

const visible = element => element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;

// Every chart that is on show: its key, how many marks it has, its height, and its smallest letters in pixels.
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

// Texts of charts that reach out of their chart's card.
function clippedTexts() {
  return [...document.querySelectorAll(".chart svg text")].filter(visible).filter(text => {
    const inside = text.getBoundingClientRect(), around = text.closest(".card").getBoundingClientRect();
    return text.textContent && (inside.left < around.left || inside.right > around.right || inside.top < around.top);
  }).map(text => text.textContent);
}

// Pictures without a name, regions and lists of links without one, links and folds without words.
function unnamed() {
  const named = element => (element.getAttribute("aria-labelledby") || "").split(" ").filter(Boolean)
    .every(id => document.getElementById(id)?.textContent.trim()) && element.hasAttribute("aria-labelledby")
    || element.getAttribute("aria-label");
  const wanted = "svg, [role=region], nav, main > section, .sections > section";
  const without = [...document.querySelectorAll(wanted)].filter(element => !named(element));
  const wordless = [...document.querySelectorAll("a, summary, h1, h2, h3, th, caption")].filter(e => !e.textContent.trim());
  const parts = [...document.querySelectorAll("svg")].filter(svg => svg.getAttribute("role") !== "img"
    || !svg.querySelector(":scope > title")?.textContent || !svg.querySelector(":scope > desc")?.textContent);
  return [...without, ...wordless, ...parts].map(element => element.outerHTML.slice(0, 120));
}

// Tables without a caption, with a heading cell without a scope, or with rows of different lengths.
function badTables() {
  return [...document.querySelectorAll("table")].filter(table => {
    const lengths = new Set([...table.rows].map(row => row.cells.length));
    const headings = [...table.querySelectorAll("th")];
    return !table.caption?.textContent.trim() || lengths.size !== 1
      || headings.some(th => th.scope !== (th.closest("thead") ? "col" : "row"))
      || [...table.tBodies[0].rows].some(row => row.cells[0].tagName !== "TH");
  }).map(table => table.outerHTML.slice(0, 120));
}

// Every text on show with the contrast between its colour and what is painted behind it.
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
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, words = walker.currentNode.textContent.trim();
    if (!words || element.closest("title, desc, .unseen, .skip") || !visible(element)) continue;
    const drawn = element.closest("svg"), style = getComputedStyle(element);
    const contrast = ratio(channels(drawn ? style.fill : style.color), drawn ? behind(element) : painted(element));
    found.push({ words: words.slice(0, 40), contrast: Math.round(contrast * 100) / 100, colour: drawn ? style.fill : style.color });
  }
  return found;
}
