// Makes a part of the page like a fresher one. Only what differs is touched, so that what somebody has
// selected, focused, scrolled or is about to press stays; what is folded open is theirs alone.

export function liken(home, fresh) {
  const focused = home.contains(document.activeElement) ? document.activeElement : null;
  children(home, fresh);
  if (!focused || focused === document.activeElement) return;
  // A node that was moved has lost it; of one that is gone, the page begins again.
  const next = focused.isConnected ? focused : document.getElementById("main");
  next.focus({ preventScroll: true });
}

export function parsed(html) {
  return new DOMParser().parseFromString(html, "text/html").body;
}

// What has a name is the same as what had it; anything else as what stood in its place.
function children(home, fresh) {
  const wanted = [...fresh.childNodes];
  const names = new Set(wanted.map(name));
  for (const one of [...home.childNodes]) if (name(one) && !names.has(name(one))) one.remove();
  const named = new Map([...home.childNodes].filter(name).map((one) => [name(one), one]));
  let at = home.firstChild;
  for (const one of wanted) {
    const known = named.get(name(one)) ?? following(at, one);
    if (!known) {
      home.insertBefore(one, at);
      continue;
    }
    if (name(known) && known !== at) home.insertBefore(known, at);
    while (at && !name(known) && at !== known) at = without(at);
    if (known === at) at = at.nextSibling;
    update(known, one);
  }
  while (at) at = without(at);
}

// The next without a name that may be the same as `one`; a text is so only in its place.
function following(at, one) {
  let known = at;
  while (known && !name(known) && known.nodeName !== one.nodeName && one instanceof Element) known = known.nextSibling;
  return known && alike(known, one) ? known : null;
}

function without(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

function name(node) {
  return node.id || node.dataset?.key;
}

function alike(one, other) {
  return one.nodeName === other.nodeName && name(one) === name(other);
}

function update(known, fresh) {
  if (known.isEqualNode(fresh)) return;
  if (!(known instanceof Element)) {
    known.data = fresh.data;
    return;
  }
  for (const { name: attribute } of [...known.attributes]) {
    if (attribute !== "open" && !fresh.hasAttribute(attribute)) known.removeAttribute(attribute);
  }
  for (const { name: attribute, value } of fresh.attributes) {
    if (attribute !== "open" && known.getAttribute(attribute) !== value) known.setAttribute(attribute, value);
  }
  children(known, fresh);
}
