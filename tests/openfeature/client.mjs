// A company's own ranker, played by the official OpenFeature client: it fetches its users' weights, ranks by itself, and posts
// what was shown and clicked.     node client.mjs URL EXPERIMENT TOKEN USERS
// Prints what it did, by arm, as JSON: {"control":{"units":..,"impressions":..,"clicks":..},..}
import { OpenFeature } from '@openfeature/server-sdk';
import { OFREPProvider } from '@openfeature/ofrep-provider';

const [url, experiment, token, users] = process.argv.slice(2);
const authorization = { Authorization: `Bearer ${token}` };
await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl: url, headers: Object.entries(authorization) }));
const client = OpenFeature.getClient();

async function post(events) {
    const answer = await fetch(`${url}/v1/events`, { method: 'POST', headers: authorization, body: JSON.stringify({ events }) });
    const counts = await answer.json();
    if (!answer.ok || counts.accepted !== events.length) throw new Error(`events: ${JSON.stringify(counts)}`);
}

// Three candidates with made-up probabilities; the best two by the weights are shown, the first may be clicked.
function rank(weights, user) {
    const candidates = [0, 1, 2].map((i) => ({ id: `i${i}`, click: ((user * 7 + i * 3) % 10) / 10, save: ((user * 3 + i * 7) % 10) / 10 }));
    const utility = (c) => (weights.click ?? 0) * c.click + (weights.save ?? 0) * c.save;
    return candidates.sort((a, b) => utility(b) - utility(a)).slice(0, 2);
}

const done = {};
for (let user = 0; user < Number(users); user++) {
    const unit = `user-${user}`;
    const details = await client.getObjectDetails(experiment, {}, { targetingKey: unit });
    if (details.errorCode) throw new Error(`${unit}: ${details.errorCode} ${details.errorMessage}`);
    const arm = (done[details.variant] ??= { reason: details.reason, weights: details.value, units: 0, impressions: 0, clicks: 0 });
    if (details.variant === 'default') continue;
    const shown = rank(details.value, user);
    const place = { experiment, round: details.flagMetadata.round, arm: details.variant, unit };
    const events = [{ event_id: `show-${user}`, type: 'exposure', value: shown.length, ...place }];
    if (shown[0].click > (user % 10) / 10) events.push({ event_id: `click-${user}`, type: 'click', item: shown[0].id, position: 0, ...place });
    await post(events);
    arm.units += 1;
    arm.impressions += shown.length;
    arm.clicks += events.length - 1;
}
// A flag that is not there gives the default of the code, and says so.
const missing = await client.getObjectDetails('no-such-experiment', { click: 1 }, { targetingKey: 'user-0' });
if (missing.errorCode !== 'FLAG_NOT_FOUND' || missing.value.click !== 1) throw new Error(JSON.stringify(missing));
const nobody = await client.getObjectDetails(experiment, { click: 1 }, {});
if (nobody.errorCode !== 'TARGETING_KEY_MISSING') throw new Error(JSON.stringify(nobody));
await OpenFeature.close();
console.log(JSON.stringify(done));
