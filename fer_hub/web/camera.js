() => {
    // pictures and recordings of the webcam: made of what the page shows, and kept in this browser alone
    const LONGEST = 60, STRIP = 150; // seconds; height of the plot in pixels
    const find = selector => document.querySelector(selector);
    const camera = () => find('#camera img');
    const live = () => document.body.classList.contains('fer-live') && Boolean(camera()?.naturalWidth);
    const shown = () => [...document.querySelectorAll('#live-probabilities .fer-bar')].map(bar => ({
        label: bar.querySelector('.fer-label').textContent,
        share: parseFloat(bar.querySelector('.fer-fill').style.width),
        colour: bar.style.getPropertyValue('--c'),
    }));

    const addresses = {};
    const offer = (kind, parts) => { // replaces what was kept of that kind before
        (addresses[kind] || []).forEach(address => URL.revokeObjectURL(address));
        addresses[kind] = [];
        const place = find(`#kept-${kind}`);
        place.replaceChildren();
        for (const [name, blob] of parts) {
            const link = document.createElement('a');
            link.href = URL.createObjectURL(blob);
            addresses[kind].push(link.href);
            link.download = name;
            link.textContent = `${name}, ${Math.max(1, Math.round(blob.size / 1000)).toLocaleString('en')} kB`;
            if (blob.type.startsWith('video')) {
                const video = document.createElement('video');
                Object.assign(video, {src: link.href, controls: true, playsInline: true, ariaLabel: 'Recording'});
                place.append(video);
            }
            place.append(link);
        }
    };

    const savePicture = () => {
        if (!live()) return;
        const canvas = document.createElement('canvas'), image = camera();
        [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
        canvas.getContext('2d').drawImage(image, 0, 0);
        canvas.toBlob(blob => offer('picture', [['webcam.jpg', blob]]), 'image/jpeg', 0.92);
    };

    let recording = null;
    const start = () => {
        if (!live() || !window.MediaRecorder) return;
        const canvas = document.createElement('canvas'), image = camera();
        [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight + STRIP];
        const type = ['video/webm', 'video/mp4'].find(each => MediaRecorder.isTypeSupported(each)) || '';
        const recorder = new MediaRecorder(canvas.captureStream(), type ? {mimeType: type} : {});
        recording = {canvas, recorder, rows: [], pieces: [], since: performance.now()};
        const kept = recording;
        recorder.ondataavailable = event => kept.pieces.push(event.data);
        recorder.onstop = () => {
            const kind = recorder.mimeType.split(';')[0] || 'video/webm';
            offer('recording', [
                [`webcam.${kind.split('/')[1]}`, new Blob(kept.pieces, {type: kind})],
                ['webcam.csv', new Blob([table(kept.rows)], {type: 'text/csv'})],
            ]);
        };
        recorder.start();
        add();
    };
    const stop = () => {
        const ended = recording;
        recording = null;
        ended?.recorder.stop();
        update();
    };

    const add = () => { // one more frame
        if (!recording) return;
        const seconds = (performance.now() - recording.since) / 1000;
        recording.rows.push({seconds, bars: shown()});
        draw();
        if (seconds >= LONGEST) stop();
    };
    const labels = rows => [...new Map(rows.flatMap(row => row.bars).map(bar => [bar.label, bar.colour]))];
    const quoted = text => `"${text.replaceAll('"', '""')}"`;
    const table = rows => {
        const names = labels(rows).map(([label]) => label);
        const lines = rows.map(({seconds, bars}) => {
            const known = Object.fromEntries(bars.map(bar => [bar.label, (bar.share / 100).toFixed(3)]));
            return [seconds.toFixed(2), ...names.map(name => known[name] ?? '')].join();
        });
        return [['seconds', ...names.map(quoted)].join(), ...lines, ''].join('\n');
    };
    const draw = () => {
        const {canvas, rows} = recording, pen = canvas.getContext('2d'), image = camera();
        const top = canvas.height - STRIP, span = Math.max(10, rows.at(-1).seconds), left = 110;
        pen.fillStyle = '#1c1917';
        pen.fillRect(0, 0, canvas.width, canvas.height);
        if (image?.naturalWidth) pen.drawImage(image, 0, 0, canvas.width, top);
        pen.font = '14px system-ui, sans-serif';
        labels(rows).forEach(([label, colour], index) => {
            pen.fillStyle = pen.strokeStyle = colour;
            pen.fillText(label, 8, top + 18 + 17 * index, left - 16);
            pen.lineWidth = 2;
            pen.beginPath();
            let open = false;
            for (const {seconds, bars} of rows) {
                const bar = bars.find(each => each.label === label);
                const x = left + (canvas.width - left - 8) * seconds / span;
                const y = top + 8 + (STRIP - 16) * (1 - (bar?.share ?? 0) / 100);
                if (bar) pen[open ? 'lineTo' : 'moveTo'](x, y);
                open = Boolean(bar); // a gap while there is no face
            }
            pen.stroke();
        });
    };

    const update = () => {
        const film = find('#keep-recording'), picture = find('#keep-picture');
        if (!film) return;
        picture.disabled = !live();
        film.disabled = !live() && !recording;
        film.setAttribute('aria-pressed', String(Boolean(recording)));
        const text = recording ? 'Stop recording' : 'Record';
        if (film.textContent !== text) film.textContent = text;
    };
    document.addEventListener('click', event => {
        if (event.target.closest('#keep-picture')) savePicture();
        if (event.target.closest('#keep-recording')) {
            recording ? stop() : start();
            update();
        }
    });
    document.addEventListener('fer-frame', add);
    document.addEventListener('fer-live', () => {
        if (!live()) stop();
        update();
    });
}
