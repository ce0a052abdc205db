// Keys on the page of two texts. They are off while somebody types, and when the reader switched single keys off.
"use strict";
{
  const form = document.querySelector("[data-duel]");
  const choose = (value) => () => form?.querySelector(`[name=choice][value=${value}]`)?.click();
  window.keys({ ArrowLeft: choose("left"), ArrowRight: choose("right"), t: choose("tie"), s: choose("skip") });
}
