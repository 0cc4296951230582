() => {
    // names that gradio leaves out
    const names = {'#timeline button:has(img)': 'Probabilities over time', '#camera button:has(img)': 'Camera picture'};
    const mend = () => {
        for (const [selector, text] of Object.entries(names)) {
            document.querySelectorAll(selector).forEach(each => { each.ariaLabel ||= text; });
        }
        document.querySelectorAll('a[download], a[data-testid=download-link]').forEach(link => {
            const file = link.download || link.href.split('/').pop();
            const name = `Download ${file}, ${link.innerText.trim()}`;
            if (link.ariaLabel !== name) link.ariaLabel = name;
        });
        document.querySelectorAll('button[aria-dropeffect]').forEach(each => {
            const name = each.innerText.replace(/\s+/g, ' ').trim(); // a name that differs from the text cannot be spoken
            if (name && each.ariaLabel !== name) each.ariaLabel = name;
        });
        document.querySelectorAll('.thumbnail-item').forEach(each => {
            const text = each.innerText.trim();
            if (text && !each.ariaLabel?.startsWith(text)) each.ariaLabel = `${text}, ${each.ariaLabel || 'picture'}`;
        });
        document.querySelectorAll('#camera img:not([alt])').forEach(each => { each.alt = 'Camera picture with faces'; });
        document.querySelectorAll('#card :is(table, pre)').forEach(each => { each.tabIndex = 0; });
        document.querySelectorAll('[aria-live]:not(#announcer)').forEach(each => {
            if (each.closest('.toast-wrap, [data-testid=toast-body]') === null) each.removeAttribute('aria-live');
        });
    };

    // one voice for screen readers; the first result, which nobody asked for, is not announced
    const announcer = document.createElement('div');
    announcer.id = 'announcer';
    announcer.className = 'fer-hidden';
    announcer.setAttribute('role', 'status');
    announcer.setAttribute('aria-live', 'polite');
    document.body.append(announcer);
    const say = text => { if (text) announcer.textContent = text; };
    const told = new Map();
    const listen = () => {
        for (const place of ['photo', 'video', 'several']) {
            const note = document.querySelector(`#${place}-note`);
            if (!note || !note.offsetParent) continue;
            if (note.querySelector('.fer-busy')) { // somebody asked for what comes
                if (!told.has(place)) told.set(place, null);
                continue;
            }
            const of = note.querySelector('[data-of]')?.dataset.of || '';
            if (of && of !== document.querySelector('#result [data-result]')?.dataset.result) continue; // it follows
            const words = [...note.querySelectorAll('p')].map(each => each.innerText.trim()).join(' '); // not gradio's timer
            const result = place === 'photo' && document.querySelector('#result [data-announce]');
            const text = result && !note.querySelector('.fer-problem') ? result.dataset.announce : words;
            const key = `${words}|${of}`;
            if (told.get(place) === key) continue;
            if (told.has(place)) say(text);
            told.set(place, key);
        }
    };

    // a click on a face, in the picture or on its card, selects both
    const select = (result, face) => {
        result.querySelectorAll('[data-face]').forEach(each => {
            const same = each.dataset.face === face;
            if (each.hasAttribute('aria-pressed')) each.setAttribute('aria-pressed', String(same));
            if (each.dataset.selected !== undefined) each.dataset.selected = String(same);
            if (same && each.dataset.announce) say(each.dataset.announce);
        });
    };
    document.addEventListener('click', event => {
        const chosen = event.target.closest('.fer-result button[data-face]');
        if (!chosen) return;
        const result = chosen.closest('.fer-result');
        select(result, chosen.dataset.face);
        if (chosen.classList.contains('fer-box')) {
            const card = result.querySelector(`.fer-card[data-face="${chosen.dataset.face}"]`);
            const {top, bottom} = card.getBoundingClientRect();
            if (top < 0 || bottom > innerHeight) card.scrollIntoView({block: 'nearest'});
        }
    });

    // an upload replaces the button that was pressed, and the focus would drop to the body
    let held = false;
    document.addEventListener('focusin', event => { held = Boolean(event.target.closest('#photo')); });
    document.addEventListener('pointerdown', event => { held = held && Boolean(event.target.closest('#photo')); });
    const holdFocus = () => {
        if (!held || document.activeElement !== document.body) return;
        document.querySelector('#photo button')?.focus({preventScroll: true});
    };

    // an analysis that the visitor cancels fails, too, but there is nothing to say of it
    document.addEventListener('click', event => {
        if (event.target.closest('#analyse-video')) window.ferCancelled = false;
        if (event.target.closest('#cancel-video')) window.ferCancelled = true;
    }, true);

    // the strongest moments of a video lead to where they are; a line in the plot follows the player
    document.addEventListener('click', event => {
        const at = event.target.closest('#moments button')?.innerText.match(/ at (\d+):(\d\d)/);
        const video = document.querySelector('#annotated-video video');
        if (!at || !video) return;
        video.currentTime = 60 * Number(at[1]) + Number(at[2]);
        video.scrollIntoView({block: 'nearest'});
    });
    document.addEventListener('timeupdate', event => {
        if (!event.target.closest('#annotated-video')) return;
        const plot = document.querySelector('#timeline'), inside = plot?.querySelector('svg .background');
        if (!inside || !event.target.duration) return;
        let marker = plot.querySelector('.fer-marker');
        if (!marker) {
            marker = document.createElement('div');
            marker.className = 'fer-marker';
            plot.style.position = 'relative';
            plot.append(marker);
        }
        const outer = plot.getBoundingClientRect(), inner = inside.getBoundingClientRect();
        const share = event.target.currentTime / event.target.duration;
        marker.style.left = `${inner.left - outer.left + share * inner.width}px`;
        marker.style.top = `${inner.top - outer.top}px`;
        marker.style.height = `${inner.height}px`;
    }, true);

    // the camera runs while results arrive; its button says so, and results go with it
    let lastResult = -Infinity, stopped = false, lastFrame = '';
    const watchCamera = () => {
        const live = performance.now() - lastResult < 5000; // slow lines and servers give few frames
        document.body.classList.toggle('fer-live', live);
        if (live) document.body.classList.add('fer-was-live');
        document.dispatchEvent(new Event('fer-live'));
        document.querySelectorAll('#camera .capture-button').forEach(each => {
            const name = live ? 'Stop' : 'Start';
            if (each.ariaLabel !== name) each.ariaLabel = name;
        });
    };
    setInterval(watchCamera, 400);
    document.addEventListener('click', event => {
        if (!event.target.closest('#camera .capture-button')) return;
        stopped = document.body.classList.contains('fer-live'); // what arrives after that is late
        if (stopped) lastResult = -Infinity;
        watchCamera();
    }, true);
    const arrived = changes => {
        if (!changes.some(each => each.target.closest?.('#live-probabilities'))) return;
        const frame = document.querySelector('#live-probabilities .fer-live-result')?.dataset.frame;
        if (!frame || frame === lastFrame) return; // the tab was opened
        lastFrame = frame;
        if (stopped) return;
        lastResult = performance.now();
        if (!document.body.classList.contains('fer-live')) watchCamera(); // the button at once
        document.dispatchEvent(new Event('fer-frame'));
    };

    let waiting = false;
    const soon = () => {
        if (waiting) return;
        waiting = true;
        setTimeout(() => { waiting = false; mend(); listen(); holdFocus(); openApi(); }, 200);
    };
    let wanted = new URLSearchParams(location.search).get('view') === 'api';
    const openApi = () => {
        const button = wanted && document.querySelector('footer .show-api');
        if (!button) return;
        wanted = false;
        button.click(); // gradio assumes that the page is already open, but has not loaded it
        button.click();
    };
    new MutationObserver(changes => { arrived(changes); soon(); }).observe(document.body, {childList: true, subtree: true, characterData: true});
    soon();
}
