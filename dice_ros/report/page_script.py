"""What the report does by itself: zoom of the timelines, details on hover or focus."""

SCRIPT = """
'use strict';
const tip = document.getElementById('tip');
function say(touch, x, y) {
  tip.replaceChildren();
  if (touch.dataset.picture) {
    const image = document.createElement('img');
    image.src = document.getElementById(touch.dataset.picture).src;
    image.alt = '';
    tip.append(image);
  }
  touch.dataset.tip.split('\\n').forEach((line, number) => {
    const item = document.createElement(number ? 'span' : 'b');
    item.textContent = line;
    tip.append(item);
  });
  tip.style.display = 'block';
  const box = tip.getBoundingClientRect();
  const below = y + 18 + box.height < innerHeight;
  tip.style.left = Math.max(8, Math.min(x + 14, innerWidth - box.width - 8)) + 'px';
  tip.style.top = (below ? y + 18 : Math.max(8, y - box.height - 12)) + 'px';
}
function hush() { tip.style.display = 'none'; }
function clock(seconds, step) {
  const whole = Math.floor(seconds + 1e-6), digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
  if (whole < 60) return seconds.toFixed(digits) + ' s';
  const pad = (value) => String(value).padStart(2, '0');
  const exact = (seconds - 60 * Math.floor(seconds / 60)).toFixed(digits);
  const rest = digits ? exact.padStart(3 + digits, '0') : pad(whole % 60);
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? minutes + ':' + rest
    : Math.floor(minutes / 60) + ':' + pad(minutes % 60) + ':' + rest;
}
const steps = [.02, .05, .1, .2, .5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
document.querySelectorAll('.timeline').forEach((timeline) => {
  const scroller = timeline.querySelector('.scroller'), track = timeline.querySelector('.track');
  const ticks = timeline.querySelector('.ticks'), length = Number(timeline.dataset.length);
  let zoom = 1;
  function draw() {
    track.style.width = 100 * zoom + '%';
    const wanted = length / Math.max(2, track.clientWidth / 90);
    const step = steps.find((item) => item >= wanted) || 14400;
    ticks.replaceChildren();
    for (let number = 0; number * step <= length && number < 5000; number += 1) {
      const tick = document.createElement('span');
      tick.style.left = 100 * number * step / length + '%';
      tick.textContent = clock(number * step, step);
      if (number * step > 0.94 * length) tick.style.visibility = 'hidden';
      ticks.append(tick);
    }
  }
  function set(wanted, at) {
    const place = (scroller.scrollLeft + at) / track.clientWidth;
    zoom = Math.max(1, Math.min(wanted, 400));
    draw();
    scroller.scrollLeft = place * track.clientWidth - at;
  }
  const middle = () => scroller.clientWidth / 2;
  const tools = timeline.previousElementSibling;
  const actions = { in: () => set(2 * zoom, middle()), out: () => set(zoom / 2, middle()),
    all: () => set(1, 0) };
  tools.querySelectorAll('button').forEach((button) => {
    button.addEventListener('click', actions[button.dataset.zoom]);
  });
  scroller.addEventListener('wheel', (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const left = scroller.getBoundingClientRect().left;
    set(zoom * Math.exp(-0.003 * event.deltaY), event.clientX - left);
  }, { passive: false });
  timeline.querySelectorAll('.touch').forEach((touch) => {
    touch.addEventListener('mousemove', (event) => say(touch, event.clientX, event.clientY));
    touch.addEventListener('mouseleave', hush);
    touch.addEventListener('focus', () => {
      const box = touch.getBoundingClientRect();
      say(touch, box.left, box.bottom);
    });
    touch.addEventListener('blur', hush);
  });
  addEventListener('resize', draw);
  draw();
});
addEventListener('keydown', (event) => { if (event.key === 'Escape') hush(); });
document.documentElement.dataset.ready = 'yes';
"""
