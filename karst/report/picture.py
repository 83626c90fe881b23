"""The mesh as a mermaid picture, small enough for what forges draw."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from karst.report.escaping import count, mermaid_label

# Mermaid draws at most 500 edges and 50,000 characters; people see less.
_EDGES = 150
_NODES = 120
_STYLES = (
    "classDef well fill:#dafbe1,stroke:#1a7f37,color:#1f2328",
    "classDef ill fill:#ffebe9,stroke:#cf222e,color:#1f2328",
    "classDef new fill:#ddf4ff,stroke:#0969da,color:#1f2328",
)

Edge = tuple[str, str]


def render_picture(
    mesh: Mapping[str, tuple[str, ...]],
    *,
    well: Collection[str] = (),
    ill: Collection[str] = (),
    new: Collection[str] = (),
    marked: Collection[Edge] = (),
    colour: str = "#0969da",
) -> str:
    """A Markdown block of who may call whom, or "" where nobody is there.

    Args:
        mesh: caller => callees; every service is a key.
        well, ill, new: services drawn in green, red and blue.
        marked: edges drawn thick and in `colour`, dotted where the mesh has none such;
            they come first where not all can be drawn.
    """
    services = list(dict.fromkeys([*mesh, *(c for cs in mesh.values() for c in cs)]))
    if not services:
        return ""
    every = [(caller, callee) for caller, callees in mesh.items() for callee in callees]
    mine = set(every)
    strong = set(marked)
    said = ""
    if len(services) > 3 and len(every) == len(services) * (len(services) - 1):
        said = f"Every service may call every other ({count(len(every), 'edge')})."
        drawn = [edge for edge in every if edge in strong]
    else:
        drawn = list(every)
    drawn += [edge for edge in dict.fromkeys(marked) if edge not in mine]
    if len(drawn) > _EDGES:
        touched = {*ill, *new}
        drawn.sort(key=lambda e: (e not in strong, not touched & {*e}))
        drawn = drawn[:_EDGES]
    shown = services[:_NODES]
    if len(services) > _NODES:
        wanted = [s for s in services if s in {*ill, *new}]
        shown = list(dict.fromkeys([*wanted, *services]))[:_NODES]
    ids = {name: f"s{number}" for number, name in enumerate(shown)}
    drawn = [(a, b) for a, b in drawn if a in ids and b in ids]
    if not said and len(drawn) < len(mine):
        said = f"Drawn: {len(drawn)} of {count(len(mine), 'edge')}."
    lines = ["```mermaid", "flowchart LR"]
    for name, number in ids.items():
        style = "ill" if name in ill else "new" if name in new else ""
        style = style or ("well" if name in well else "")
        label = f'  {number}["{mermaid_label(name)}"]'
        lines.append(f"{label}:::{style}" if style else label)
    for caller, callee in drawn:
        arrow = "==>" if (caller, callee) in strong else "-->"
        arrow = arrow if (caller, callee) in mine else "-.->"
        lines.append(f"  {ids[caller]} {arrow} {ids[callee]}")
    thick = [str(n) for n, edge in enumerate(drawn) if edge in strong]
    if thick:
        lines.append(f"  linkStyle {','.join(thick)} stroke:{colour},stroke-width:3px")
    lines += [f"  {style}" for style in _STYLES]
    lines.append("```")
    return "\n".join(lines) + (f"\n\n{said}" if said else "")
