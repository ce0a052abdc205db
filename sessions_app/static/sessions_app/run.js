// A run or an assessment as it goes: the socket says what changed, the page fetches its changed parts. The page is true
// without it.
"use strict";
{
  const run = document.getElementById("run");
  const connection = document.querySelector("[data-connection]");
  const live = document.querySelector("[data-announce]");
  const title = document.title.replace(/^[\d.]+ % · /, "");
  const seen = new Map();
  let socket = null;
  let failures = 0;
  let polls = 0;
  let over = false;
  let fetchedAt = 0;
  let waiting = 0;
  let announcedAt = 0;
  let startedAt = 0;

  const state = () => run.querySelector("[data-task]");
  const going = () => state() && !state().dataset.finished && !over;
  const part = (name) => run.querySelector(`[data-${name}]`);
  const say = (text) => { connection.hidden = !text; connection.textContent = text; };
  const { socket: address = `/ws/sessions/${run.dataset.run}/`, what = "run", noun = "tickets" } = run.dataset;
  const number = new Intl.NumberFormat("en-GB");

  const duration = (seconds) => {
    const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
    if (seconds < 60) return `${Math.floor(seconds)} s`;
    return hours ? `${hours} h ${minutes % 60} min` : `${minutes} min ${Math.floor(seconds % 60)} s`;
  };

  const announce = (text, force) => {
    if (!force && Date.now() - announcedAt < 10000) return;
    announcedAt = Date.now();
    live.textContent = text;
  };

  // Page and socket tell of the same task, and either may come late: the older never takes the place of the newer.
  const known = () => Number(state().dataset.seq);

  // Only parts whose HTML changed are put in, so that focus stays where it is.
  const put = (page) => page.querySelectorAll("[data-live]").forEach((fresh) => {
    const name = fresh.dataset.live;
    const html = fresh.outerHTML.replace(/name="csrfmiddlewaretoken" value="[^"]*"/g, "");
    if (seen.get(name) === html) return;
    if (fresh.dataset.task && fresh.dataset.task === state()?.dataset.task && Number(fresh.dataset.seq) < known()) return;
    seen.set(name, html);
    const old = document.querySelector(`[data-live="${name}"]`);
    if (!old) { location.reload(); return; }
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    old.replaceWith(fresh);
    if (focused) (document.getElementById(focused) || fresh.querySelector("button, a"))?.focus();
    window.localTimes(fresh);
  });

  const refresh = async (whole) => {
    const wasGoing = going();
    const scores = state()?.dataset.scores;
    clearTimeout(waiting);
    waiting = 0;
    fetchedAt = Date.now();
    try {
      const answer = await fetch(whole ? location.pathname + location.search : `${location.pathname}?part=status`, { headers: { Accept: "text/html" } });
      if (!answer.ok || answer.redirected) throw new Error(answer.status);
      put(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      return false;
    }
    if (wasGoing && !going() && !over && !whole) { say(""); return refresh(true); }
    if (!whole && state()?.dataset.scores !== scores) return refresh(true);
    const elapsed = part("elapsed");
    if (elapsed) startedAt = Date.now() - elapsed.dataset.elapsed * 1000;
    document.title = going() ? `${part("percent").textContent.trim()} · ${title}` : title;
    return true;
  };
  const refreshSoon = () => { waiting ||= setTimeout(refresh, Math.max(0, fetchedAt + 1000 - Date.now())); };

  const show = (message) => {
    const { done, total, failed } = message.details;
    const percent = message.progress_percentage;
    if (message.task_id !== state().dataset.task) { refreshSoon(); return; }
    if (message.seq <= known()) return; // the page that was fetched knew it already, and perhaps more
    state().dataset.seq = message.seq;
    part("bar").value = percent;
    part("percent").textContent = `${number.format(percent)} %`;
    part("done").textContent = number.format(done);
    if (total) part("total").textContent = number.format(total);
    part("failed").textContent = number.format(failed);
    if (message.status === "processing" && message.current_stage) part("stage").textContent = message.current_stage;
    document.title = `${number.format(percent)} % · ${title}`;
    if (total) announce(`${number.format(done)} of ${number.format(total)} ${noun}, ${Math.floor(percent)} percent${failed ? `, ${failed} failed` : ""}.`);
    refreshSoon();
  };

  const finish = async (message) => {
    over = true;
    say("");
    show(message);
    await refresh(true);
    over = false;
    document.title = `${{ completed: "Done", error: "Stopped", cancelled: "Cancelled" }[message.type]} · ${title}`;
    announce({ completed: `The ${what} is finished.`, error: `The ${what} stopped. ${message.user_message || ""}`, cancelled: `The ${what} was cancelled.` }[message.type], true);
  };

  const receive = (message) => {
    if (message.type === "batch") message.messages.forEach(receive);
    else if (["completed", "error", "cancelled"].includes(message.type)) finish(message);
    else show(message);
  };

  const connect = () => {
    if (socket || !going()) return;
    const { task, seq } = state().dataset;
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${address}?after=${seq}&task=${task}`);
    socket.onmessage = (event) => { failures = 0; say(""); receive(JSON.parse(event.data)); };
    socket.onclose = ({ code }) => {
      socket = null;
      if (code === 4401) { over = true; say("You are signed out. Reload the page and sign in to go on watching; nothing is lost."); return; }
      if (code === 4404) { over = true; say("This is gone or no longer yours to see."); return; }
      if (!going()) return;
      failures += 1;
      if (failures >= 3) { setTimeout(poll, failures === 3 ? 0 : 3000); return; }
      say("Connection lost, reconnecting…");
      setTimeout(connect, Math.min(30000, 500 * 2 ** failures) * (0.5 + Math.random() / 2));
    };
  };

  const poll = async () => {
    if (!going()) return;
    const fresh = await refresh();
    if (!going()) return;
    say(fresh ? "Live updates are not available; this page looks again every 3 seconds." : `Connection lost. The ${what} goes on; this page tries again every 3 seconds.`);
    polls += 1;
    if (fresh && polls % 4 === 0) connect(); else setTimeout(poll, 3000);
  };

  setInterval(() => {
    const elapsed = part("elapsed");
    if (!going()) return;
    if (elapsed && state().classList.contains("is-running")) elapsed.textContent = duration((Date.now() - startedAt) / 1000);
    if (Date.now() - fetchedAt > 10000 && failures < 3) refresh().then(connect);
  }, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden && failures < 3) refresh().then(connect); });

  document.querySelectorAll("[data-live]").forEach((element) => seen.set(element.dataset.live, null));
  if (part("elapsed")) startedAt = Date.now() - part("elapsed").dataset.elapsed * 1000;
  fetchedAt = Date.now();
  connect();
}
