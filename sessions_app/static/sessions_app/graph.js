// The dependency graph, drawn: left to right, a group at a time where there is much; a click shows one ticket's chain.
"use strict";
(async () => {
  const place = document.querySelector("[data-graph]");
  if (!place) return;
  const said = document.querySelector("[data-graph-said]");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const shade = (name) => { const probe = document.createElement("i"); probe.style.color = `var(${name})`; document.body.append(probe); const found = getComputedStyle(probe).color; probe.remove(); return found || colour(name); };

  let graph;
  try {
    const answer = await fetch(place.dataset.graph, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    graph = await answer.json();
  } catch {
    said.textContent = "The drawing could not be loaded. The text below has all of it.";
    return;
  }
  const wanted = place.dataset.group;
  const inGroup = new Set(graph.nodes.filter((node) => !wanted || node.entity_group === wanted).map((node) => node.id));
  // Neighbours in other groups stay visible, so that no arrow ends in nothing.
  const edges = graph.edges.filter((edge) => inGroup.has(edge.from_ticket_id) || inGroup.has(edge.to_ticket_id));
  const shown = new Set(edges.flatMap((edge) => [edge.from_ticket_id, edge.to_ticket_id]));
  const nodes = graph.nodes.filter((node) => shown.has(node.id));
  if (!nodes.length) { said.textContent = "No dependencies here."; place.hidden = true; return; }
  if (nodes.length > 1500) { said.textContent = `${nodes.length} tickets are too many to draw well. Choose a group.`; place.hidden = true; return; }

  const [ink, line, accent, soft, warn, muted] = ["--ink", "--line-strong", "--accent", "--raised", "--warn", "--muted"].map(shade);
  const drawing = cytoscape({
    container: place,
    elements: [
      ...nodes.map((node) => ({ data: { id: node.id, label: `T-${node.number}`, title: node.title, outside: !inGroup.has(node.id) } })),
      ...edges.map((edge) => ({ data: { id: `${edge.from_ticket_id}>${edge.to_ticket_id}`, source: edge.to_ticket_id, target: edge.from_ticket_id, kind: edge.kind, state: edge.state } })),
    ],
    layout: { name: "dagre", rankDir: "LR", nodeSep: 8, rankSep: 60, animate: false },
    minZoom: 0.1,
    maxZoom: 2.5,
    style: [
      { selector: "node", style: { label: "data(label)", shape: "round-rectangle", width: 46, height: 20, "font-size": 10, "text-valign": "center", "text-halign": "center", color: ink, "background-color": soft, "border-width": 1, "border-color": line } },
      { selector: "node[?outside]", style: { "border-style": "dashed", color: muted } },
      { selector: "edge", style: { width: 1.2, "curve-style": "bezier", "target-arrow-shape": "triangle", "arrow-scale": 0.7, "line-color": line, "target-arrow-color": line } },
      { selector: "edge[kind = 'relates']", style: { "line-style": "dashed" } },
      { selector: "edge[state != 'active']", style: { "line-style": "dotted", "line-color": warn, "target-arrow-color": warn } },
      { selector: ".faded", style: { opacity: 0.15 } },
      { selector: ".chosen", style: { "border-width": 3, "border-color": accent } },
    ],
  });
  const address = location.pathname.replace(/order\/$/, "tickets/");
  drawing.on("tap", "node", (event) => {
    const node = event.target;
    if (node.hasClass("chosen")) { location.href = `${address}${node.id()}/`; return; }
    const chain = node.union(node.predecessors()).union(node.successors());
    drawing.elements().addClass("faded").removeClass("chosen");
    chain.removeClass("faded");
    node.addClass("chosen");
    said.textContent = `${node.data("label")} ${node.data("title")}: needs ${node.predecessors("node").length}, needed by ${node.successors("node").length}. Choose it again to open it.`;
  });
  drawing.on("tap", (event) => { if (event.target === drawing) { drawing.elements().removeClass("faded chosen"); said.textContent = ""; } });
  said.textContent = `${nodes.length} tickets, ${edges.length} dependencies.`;
  place.dataset.drawn = String(nodes.length);
})();
