// Keeps the grid where it is on the screen while the tables above it change: they follow every act, and the page would jump.
const OWN_MS = 150;

function keepSteady(root) {
  let scroller = null;
  let wanted = null;
  let ownUntil = 0;
  const top = () => root.getBoundingClientRect().top;
  const scrollerOf = () => {
    for (let node = root.parentElement; node; node = node.parentElement)
      if (/auto|scroll/.test(getComputedStyle(node).overflowY) && node.scrollHeight > node.clientHeight + 1 && node !== document.body) return node;
    return document.scrollingElement;
  };
  // After layout and before painting, so that nothing is seen to move.
  const restore = () => {
    if (wanted === null) return;
    ownUntil = performance.now() + OWN_MS;
    const off = top() - wanted;
    if (Math.abs(off) > 1) scroller.scrollTop += off;
  };
  const observer = new ResizeObserver(restore);
  // What the person scrolls is where they want it; what a change of the page scrolls is not.
  const scrolled = () => { if (wanted !== null && performance.now() > ownUntil) wanted = top(); };
  const begin = () => {
    if (wanted !== null) return;
    scroller = scrollerOf();
    wanted = top();
    scroller.style.overflowAnchor = "none";
    observer.observe(scroller === document.scrollingElement ? document.body : scroller.firstElementChild ?? scroller);
  };
  const end = (event) => {
    if (root.contains(event?.relatedTarget)) return;
    if (scroller) scroller.style.overflowAnchor = "";
    wanted = null;
    observer.disconnect();
  };
  root.addEventListener("focusin", begin);
  root.addEventListener("focusout", end);
  document.addEventListener("scroll", scrolled, { capture: true, passive: true });
  return () => { end(); document.removeEventListener("scroll", scrolled, { capture: true }); };
}
