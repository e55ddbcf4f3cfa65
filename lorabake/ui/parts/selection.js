/**
 * Which pictures are selected. order(): all ids as they are shown; onChange(ids): the new set.
 * One id is the anchor, from which Shift selects to another.
 */
function makeSelection({ order, onChange }) {
  let chosen = new Set(), anchor = null;

  function become(next, from = anchor) {
    anchor = from;
    if (next.size === chosen.size && [...next].every((id) => chosen.has(id))) return;
    chosen = next;
    onChange(chosen);
  }
  const only = (id) => become(new Set(id === null ? [] : [id]), id);
  function toggle(id) {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    become(next, id);
  }
  /** From the anchor to this one, in the order that is shown. */
  function range(id) {
    const ids = order(), to = ids.indexOf(id), from = Math.max(0, ids.indexOf(anchor ?? id));
    become(new Set(ids.slice(Math.min(from, to), Math.max(from, to) + 1)), anchor ?? id);
  }
  const all = () => become(new Set(order()));
  /** Exactly these. */
  const set = (ids) => become(new Set(ids));
  /** Leave out what is no longer shown. */
  function prune() {
    const there = new Set(order());
    become(new Set([...chosen].filter((id) => there.has(id))));
  }

  return {
    only, toggle, range, all, set, prune,
    has: (id) => chosen.has(id),
    get size() { return chosen.size; },
    get ids() { return [...chosen]; },
  };
}
