// Runs in a world of its own inside the page, where the page's scripts cannot reach it. Returns what is drawn in the
// viewport: controls, texts, and pictures, in CSS pixels of the top viewport. Frames and shadow roots are included.
(options) => {
  const CONTROLS = [
    "a[href]", "button", "input:not([type=hidden])", "select", "textarea", "summary", "area[href]",
    "[contenteditable='']", "[contenteditable=true]", "[onclick]", "[tabindex]:not([tabindex='-1'])",
    ...["button", "link", "checkbox", "radio", "switch", "tab", "menuitem", "menuitemcheckbox", "menuitemradio",
      "option", "slider", "spinbutton", "combobox", "textbox", "searchbox", "treeitem"].map(role => `[role=${role}]`),
  ].join(",");
  const PRIVATE_USE = /[\uE000-\uF8FF\u{F0000}-\u{10FFFD}]/gu;
  const INVISIBLE = /[\u00AD\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/g;
  const view = { x1: 0, y1: 0, x2: innerWidth, y2: innerHeight };
  const bases = new Map([[document, { x: 0, y: 0, clip: view }]]);
  const styles = new Map();

  const styleOf = el => {
    if (!styles.has(el)) styles.set(el, getComputedStyle(el));
    return styles.get(el);
  };
  const parentOf = el => el.assignedSlot || el.parentElement || el.getRootNode().host || null;
  const baseOf = el => bases.get(el.ownerDocument);
  const meet = (a, b) => ({
    x1: Math.max(a.x1, b.x1), y1: Math.max(a.y1, b.y1), x2: Math.min(a.x2, b.x2), y2: Math.min(a.y2, b.y2),
  });
  const area = r => Math.max(0, r.x2 - r.x1) * Math.max(0, r.y2 - r.y1);
  const shift = (r, base) => ({ x1: r.left + base.x, y1: r.top + base.y, x2: r.right + base.x, y2: r.bottom + base.y });
  const rectOf = el => shift(el.getBoundingClientRect(), baseOf(el));

  // The part of the screen in which an element (or, with `inside`, its contents) can be seen at all.
  const clipOf = (el, inside = false) => {
    let clip = baseOf(el).clip;
    let position = inside ? "static" : styleOf(el).position;
    for (let p = inside ? el : parentOf(el); p; p = parentOf(p)) {
      if (position === "fixed") break;
      const style = styleOf(p);
      const skipped = position === "absolute" && style.position === "static";
      const isRoot = p === p.ownerDocument.body || p === p.ownerDocument.documentElement;
      const hides = style.overflowX !== "visible" || style.overflowY !== "visible" || style.clipPath !== "none";
      if (hides && !isRoot && !skipped && style.display !== "inline" && style.display !== "contents")
        clip = meet(clip, rectOf(p));
      if (!skipped) position = style.position;
    }
    return clip;
  };
  const isShown = el => el.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true });

  const deepest = (x, y) => {
    let base = bases.get(document);
    let el = document.elementFromPoint(x, y);
    while (el) {
      if (el.shadowRoot) {
        const inner = el.shadowRoot.elementFromPoint(x - base.x, y - base.y);
        if (inner && inner !== el && inner.getRootNode() === el.shadowRoot) { el = inner; continue; }
      }
      const inside = /^I?FRAME$/.test(el.tagName) ? el.contentDocument : null;
      if (!inside || !bases.has(inside)) break;
      base = bases.get(inside);
      const inner = inside.elementFromPoint(x - base.x, y - base.y);
      if (!inner) break;
      el = inner;
    }
    return el;
  };

  // ------------------------------------------------------------------------------------------------ walking
  const everything = [];
  let nodes = 0;
  const walk = root => {
    for (const el of root.querySelectorAll("*")) {
      if (++nodes > options.maxNodes) return;
      everything.push(el);
      if (el.shadowRoot) walk(el.shadowRoot);
      if (!/^I?FRAME$/.test(el.tagName)) continue;
      const inside = el.contentDocument;
      if (!inside || !inside.documentElement || !isShown(el)) continue;
      const box = rectOf(el);
      const style = styleOf(el);
      const side = name => parseFloat(style[`border${name}Width`]) + parseFloat(style[`padding${name}`]);
      const inner = { x1: box.x1 + side("Left"), y1: box.y1 + side("Top"), x2: box.x2 - side("Right"), y2: box.y2 - side("Bottom") };
      bases.set(inside, { x: inner.x1, y: inner.y1, clip: meet(clipOf(el), inner) });
      walk(inside);
    }
  };
  walk(document);
  if (nodes > options.maxNodes) return { nodes, tooMany: true };

  // ------------------------------------------------------------------------------------------------ icons
  const FAMILY = /^(?:fa|fas|far|fab|fal|fad|bi|mdi|glyphicon|icon|ti|feather|lucide|ri|la|las|lar|ion|bx|material-icons\S*|material-symbols\S*|fi|octicon)$/;
  const NAMED = /^(?:fa|bi|mdi|glyphicon|icon|ti|feather|lucide|ri|la|ion|bx|tabler-icon|icon-tabler|fi|octicon)-([a-z][a-z0-9-]*)$/;
  const PLAIN = /^(?:fw|lg|sm|xs|xl|[0-9]+x|spin|pulse|stack.*|inverse|border|li|ul|pull-.*|rotate.*|flip.*|solid|regular|brands|light|circle-outline-bg|icon|icons|left|right-side|btn|wrap.*|box|text|bg|size.*|class.*)$/;
  const iconName = el => {
    const names = typeof el.className === "string" ? el.className : el.getAttribute("class") || "";
    const classes = names.split(/\s+/).filter(Boolean);
    for (const name of ["data-lucide", "data-feather", "data-icon"]) if (el.getAttribute(name)) return el.getAttribute(name);
    const isLeaf = el.tagName === "I" || el.tagName === "SVG" || el.tagName === "svg" || (el.tagName === "SPAN" && !el.textContent.replace(PRIVATE_USE, "").trim());
    if (classes.some(name => /^material-(icons|symbols)/.test(name))) return el.textContent.trim().replaceAll("_", "-");
    if (!isLeaf) return null;
    const use = el.tagName === "svg" && el.querySelector("use");
    const target = use && (use.getAttribute("href") || use.getAttribute("xlink:href") || "").split("#")[1];
    if (target) return target.replace(/^(?:icon|bi|tabler|fa|lucide|feather)-/, "");
    const found = classes.map(name => NAMED.exec(name)).filter(match => match && !PLAIN.test(match[1]) && !FAMILY.test(match[0]));
    return found.length ? found[0][1] : null;
  };
  const icons = [];
  for (const el of everything) {
    if (!/^(I|SPAN|svg)$/.test(el.tagName)) continue;
    const name = iconName(el);
    if (!name || !isShown(el)) continue;
    const rect = meet(rectOf(el), clipOf(el));
    if (area(rect) >= 25) icons.push({ el, name, rect });
  }
  const iconElements = new Set(icons.map(icon => icon.el));

  // ------------------------------------------------------------------------------------------------ texts
  const shownText = (raw, style) => {
    const text = raw.replace(PRIVATE_USE, "").replace(INVISIBLE, "");
    if (style.textTransform === "uppercase") return text.toUpperCase();
    if (style.textTransform === "lowercase") return text.toLowerCase();
    if (style.textTransform === "capitalize") return text.replace(/(^|\s)\S/g, letter => letter.toUpperCase());
    return text;
  };
  const contains = (outer, el) => {
    for (let p = el; p; p = parentOf(p)) if (p === outer) return true;
    return false;
  };
  const alpha = colour => {
    const parts = /^rgba?\(([^)]*)\)$/.exec(colour);
    const values = parts ? parts[1].split(/[\s,/]+/).map(Number) : [0, 0, 0, 1];
    return values.length > 3 ? values[3] : 1;
  };
  const grown = r => ({ x1: r.x1 - 200, y1: r.y1 - 200, x2: r.x2 + 200, y2: r.y2 + 200 });
  const textsOf = new Map();
  // Places of elements and of the last one below each, so that "I agree to the <a>Terms</a> and" is read in this order.
  const placeOf = new Map(everything.map((el, index) => [el, index]));
  const lastBelow = new Map();
  everything.forEach((el, index) => { for (let p = el; p; p = parentOf(p)) lastBelow.set(p, index); });
  const placeOfText = (node, el) => {
    let before = node.previousElementSibling;
    while (before && !lastBelow.has(before)) before = before.previousElementSibling;
    return before ? lastBelow.get(before) + 0.5 : placeOf.get(el);
  };
  const readTexts = el => {
    const pieces = [];
    for (const node of el.childNodes) {
      if (node.nodeType !== 3 || !node.data.trim()) continue;
      if (!area(meet(grown(rectOf(el)), view)) && styleOf(el).display !== "contents") continue;
      const style = styleOf(el);
      const text = shownText(node.data, style);
      if (!text.trim() || alpha(style.color) < 0.15 || parseFloat(style.fontSize) < 5) continue;
      const range = el.ownerDocument.createRange();
      range.selectNodeContents(node);
      const clip = clipOf(el, true);
      const rects = [...range.getClientRects()].map(rect => shift(rect, baseOf(el))).filter(rect => area(rect) > 0);
      const seen = rects.map(rect => meet(rect, clip)).filter(rect => rect.x2 - rect.x1 >= 2 && rect.y2 - rect.y1 >= 4);
      const whole = rects.reduce((sum, rect) => sum + area(rect), 0);
      const share = seen.reduce((sum, rect) => sum + area(rect), 0) / (whole || 1);
      if (!seen.length || share < 0.3) continue;
      const middle = seen[0];
      const hit = deepest((middle.x1 + middle.x2) / 2, (middle.y1 + middle.y2) / 2);
      if (hit && !contains(hit, el) && !contains(el, hit) && styleOf(el).pointerEvents !== "none") continue;
      const box = seen.reduce((a, b) => ({ x1: Math.min(a.x1, b.x1), y1: Math.min(a.y1, b.y1), x2: Math.max(a.x2, b.x2), y2: Math.max(a.y2, b.y2) }));
      pieces.push({ text, box, lines: seen.length, cut: share < 0.95, el, at: placeOfText(node, el) });
    }
    return pieces;
  };
  const SILENT = /^(SCRIPT|STYLE|NOSCRIPT|TEMPLATE|OPTION|OPTGROUP|TITLE|HEAD|META|LINK|TEXTAREA)$/;
  const allTexts = [];
  for (const el of everything) {
    if (SILENT.test(el.tagName) || iconElements.has(el) || !isShown(el)) continue;
    const pieces = readTexts(el);
    if (pieces.length) { textsOf.set(el, pieces); allTexts.push(...pieces); }
  }
  allTexts.sort((a, b) => a.at - b.at || placeOf.get(b.el) - placeOf.get(a.el));
  const join = pieces => {
    let text = "";
    let last = null;
    for (const piece of pieces) {
      const apart = !last || piece.box.y1 > last.box.y2 - 2 || piece.box.x1 - last.box.x2 > 1;
      text += (apart ? " " : "") + piece.text;
      last = piece;
    }
    return text.replace(/\s+/g, " ").trim();
  };
  const pieceLists = new Map(); // texts below each element, in order
  allTexts.forEach(piece => {
    for (let p = piece.el; p; p = parentOf(p)) {
      if (!pieceLists.has(p)) pieceLists.set(p, []);
      pieceLists.get(p).push(piece);
    }
  });
  const piecesIn = el => pieceLists.get(el) || [];

  // ------------------------------------------------------------------------------------------------ controls
  const isControl = el => {
    if (el.matches("html,body,iframe,frame,label,option,optgroup")) return false;
    if (el.matches(CONTROLS)) return true;
    if (styleOf(el).cursor !== "pointer") return false;
    const parent = parentOf(el);
    return !parent || styleOf(parent).cursor !== "pointer";
  };
  const controls = new Set(everything.filter(el => isShownOrLabelled(el) && isControl(el)));
  function isShownOrLabelled(el) {
    if (isShown(el)) return true;
    // Drawn check boxes: the real one is transparent and its label draws it.
    return el.tagName === "INPUT" && /^(checkbox|radio)$/.test(el.type) && el.labels && [...el.labels].some(isShown)
      && styleOf(el).display !== "none" && styleOf(el).visibility === "visible";
  }
  const order = new Map([...controls].map((el, index) => [el, index]));
  const isHitBy = (el, hit) => {
    for (let p = hit; p; p = parentOf(p)) {
      if (p === el) return true;
      if (p.tagName === "LABEL" && p.control === el) return true;
      if (controls.has(p) && !contains(p, el)) return false;
    }
    return false;
  };
  const hitShare = (el, r) => {
    const points = [[0.5, 0.5], [0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]];
    const hits = points.map(([u, v]) => isHitBy(el, deepest(r.x1 + u * (r.x2 - r.x1), r.y1 + v * (r.y2 - r.y1))));
    return { centre: hits[0], share: hits.filter(Boolean).length / hits.length };
  };
  const LANDMARKS = "nav,header,aside,footer,main,dialog,form,table,[role=navigation],[role=banner],[role=dialog],[role=toolbar],[role=contentinfo],[role=complementary],[role=search],[class*=sidebar],[class*=topbar],[class*=navbar],[class*=modal-content],[class*=pagination],[class*=breadcrumb]";
  const regionsOf = el => {
    const found = [];
    for (let p = parentOf(el); p; p = parentOf(p)) {
      if (!p.matches(LANDMARKS)) continue;
      const name = typeof p.className === "string" ? p.className : "";
      found.push({ tag: p.tagName.toLowerCase(), role: p.getAttribute("role") || "", classes: name.slice(0, 200), box: rectOf(p) });
    }
    return found;
  };
  const HEADINGS = "h1,h2,h3,h4,h5,h6,[role=heading],legend,caption";
  const sectionOf = el => {
    let p = parentOf(el);
    for (let level = 0; p && level < 10; level += 1, p = parentOf(p)) {
      if (p === p.ownerDocument.body) return null;
      const heading = [...p.querySelectorAll(HEADINGS)].find(h => textsOf.has(h) || piecesIn(h).length);
      if (!heading || contains(el, heading) || contains(heading, el)) { if (heading) return null; continue; }
      return { text: join(piecesIn(heading)), box: rectOf(p), heading: rectOf(heading) };
    }
    return null;
  };
  const rowOf = el => {
    const row = el.closest("tr,[role=row]");
    if (!row) return null;
    const pieces = piecesIn(row).filter(piece => !contains(el, piece.el));
    const cells = [...row.querySelectorAll("td,th,[role=cell],[role=gridcell],[role=rowheader]")].map(cell => join(pieces.filter(piece => contains(cell, piece.el))));
    return { texts: cells.filter(Boolean), box: rectOf(row), header: !!row.querySelector("th") && !row.querySelector("td") };
  };
  const labelOf = el => {
    const labels = el.labels ? [...el.labels] : [];
    const pieces = labels.flatMap(label => piecesIn(label)).filter(piece => !contains(el, piece.el));
    if (!pieces.length) return null;
    return { text: join(pieces), box: pieces[0].box };
  };
  const attributes = el => {
    const kept = {};
    for (const name of ["type", "placeholder", "title", "alt", "href", "role", "aria-label", "aria-haspopup", "aria-sort", "name", "id", "class", "for", "data-toggle", "data-bs-toggle"])
      if (el.hasAttribute(name)) kept[name] = el.getAttribute(name).slice(0, 200);
    return kept;
  };
  // Pieces that stand close together on one line are one reading: `Sales <b>today</b>`, but not a badge at the far end.
  const partsOf = pieces => {
    const groups = [];
    let last = null;
    for (const piece of pieces) {
      const near = last && Math.abs(piece.box.y1 - last.box.y1) < 6 && piece.box.x1 - last.box.x2 < 7 && piece.box.x1 >= last.box.x1;
      if (near) groups[groups.length - 1].push(piece); else groups.push([piece]);
      last = piece;
    }
    return groups.map(join).filter(Boolean);
  };
  const pen = document.createElement("canvas").getContext("2d");
  const fieldText = el => {
    if (!/^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName) || /^(checkbox|radio|range|file|color|image|password|date|time|month|week|datetime-local)$/.test(el.type) && !el.placeholder)
      return null;
    const style = styleOf(el);
    const filled = el.type === "password" ? "" : el.tagName === "SELECT" ? (el.selectedOptions[0] || { text: "" }).text : el.value;
    if (/^(checkbox|radio|range|file|color|image)$/.test(el.type)) return null;
    if (el.type === "password" && el.value) return null;
    const text = (filled || el.placeholder || "").trim().replace(/\s+/g, " ");
    if (!text) return null;
    pen.font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    const room = el.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    return { text, cut: pen.measureText(text).width > room + 1, placeholder: !filled };
  };
  const round = r => [r.x1, r.y1, r.x2, r.y2].map(value => Math.round(value * 100) / 100);
  const handles = [];
  const drawnOnes = [];
  const elements = [];
  for (const el of controls) {
    const wrapper = !isShown(el) && el.labels ? [...el.labels].find(label => contains(label, el)) : null;
    const drawn = wrapper || el; // a transparent check box inside its label is drawn by the label
    const whole = rectOf(drawn);
    const clipped = meet(whole, clipOf(drawn));
    if (area(clipped) < 4 || area(clipped) < 0.2 * area(whole)) continue;
    const hit = hitShare(el, clipped);
    const pieces = piecesIn(el);
    const own = icons.filter(icon => contains(el, icon.el));
    const region = regionsOf(el);
    const section = sectionOf(el);
    const row = rowOf(el);
    const label = labelOf(el);
    const isSelect = el.tagName === "SELECT";
    elements.push({
      tag: el.tagName.toLowerCase(), attributes: attributes(el), box: round(clipped),
      shown: Math.round(100 * area(clipped) / area(whole)) / 100, centre: hit.centre, hit: hit.share,
      text: join(pieces), parts: partsOf(pieces), field: fieldText(el), lines: pieces.length, cut: pieces.some(piece => piece.cut) || el.scrollWidth > el.clientWidth + 2 && styleOf(el).textOverflow === "ellipsis",
      icons: own.map(icon => ({ name: icon.name, box: round(icon.rect) })),
      drawings: el.querySelectorAll("svg,img,canvas,i").length,
      label: label && { text: label.text, box: round(label.box) },
      value: typeof el.value === "string" && !/^(password|hidden)$/.test(el.type) ? el.value.slice(0, 200) : null,
      options: isSelect ? [...el.options].slice(0, 100).map(option => ({ text: option.text.trim().replace(/\s+/g, " "), disabled: option.disabled, selected: option.selected })) : null,
      multiple: isSelect && (el.multiple || el.size > 1),
      native: !!el.matches("a[href],button,input,select,textarea,summary,area[href]"),
      inside: (() => { for (let p = parentOf(el); p; p = parentOf(p)) if (controls.has(p)) return order.get(p); return -1; })(),
      order: order.get(el), frame: el.ownerDocument !== document, shadow: !!el.getRootNode().host,
      region: region.map(r => ({ ...r, box: round(r.box) })),
      section: section && { text: section.text, box: round(section.box), heading: round(section.heading) },
      row: row && { texts: row.texts, box: round(row.box), header: row.header },
      editable: !!el.isContentEditable, rtl: styleOf(el).direction === "rtl",
      inline: styleOf(el).display === "inline" && el.getClientRects().length > 1,
    });
    handles.push(el);
    drawnOnes.push(drawn);
  }
  globalThis.mmrlHandles = handles;
  globalThis.mmrlBoxes = () => drawnOnes.map(el => el.isConnected ? (styles.clear(), round(meet(rectOf(el), clipOf(el)))) : null);
  const controlOf = el => { for (let p = el; p; p = parentOf(p)) if (controls.has(p)) return handles.indexOf(p); return -1; };
  const texts = allTexts.map(piece => ({
    text: piece.text.replace(/\s+/g, " ").trim(), box: round(piece.box), control: controlOf(piece.el), cut: piece.cut,
    heading: !!piece.el.closest(HEADINGS), lines: piece.lines,
  }));
  const pictures = everything.filter(el => el.tagName === "IMG" && isShown(el) && area(meet(rectOf(el), clipOf(el))) > 25);
  return {
    nodes, elements, texts,
    icons: icons.map(icon => ({ name: icon.name, box: round(icon.rect), control: controlOf(icon.el) })),
    names: pictures.map(el => el.alt).concat([...document.querySelectorAll("[aria-label],[title]")].map(el => el.getAttribute("aria-label") || el.title)).filter(Boolean),
    page: {
      url: location.href, title: document.title, language: document.documentElement.lang, width: innerWidth, height: innerHeight,
      scroll: scrollY, reach: document.documentElement.scrollHeight,
    },
    links: [...document.querySelectorAll("a[href]")].map(a => a.href).filter(href => href.startsWith(location.origin)),
    failed: globalThis.mmrlFailed || [],
  };
}
