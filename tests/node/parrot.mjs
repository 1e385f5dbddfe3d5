// Talks to a realtime service as @openai/agents-realtime does, and prints what it found as JSON.
// usage: node parrot.mjs ws://127.0.0.1:PORT/v1/realtime
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from '@openai/agents-realtime';
import { z } from 'zod';

const url = process.argv[2];
const errors = [];
const asked = [];

function tone(ms) {
  const samples = new Int16Array(ms * 24);
  for (let n = 0; n < samples.length; n++) samples[n] = 8000 * Math.sin(n * 0.11) + (n % 7);
  return Buffer.from(samples.buffer);
}

const getTime = tool({
  name: 'get_time',
  description: 'Tell the time.',
  parameters: z.object({ zone: z.string() }),
  execute: async ({ zone }) => {
    asked.push(zone);
    return 'noon';
  },
});

const agent = new RealtimeAgent({ name: 'box', instructions: 'Say it again.', tools: [getTime] });
const session = new RealtimeSession(agent, {
  transport: new OpenAIRealtimeWebSocket({ url }),
  tracingDisabled: true,
  config: { audio: { input: { turnDetection: null } } },
});
session.on('error', (error) => errors.push(error.error?.error?.message ?? String(error.error)));

const events = [];
const waiting = new Set();
session.transport.on('*', (event) => {
  events.push(event);
  for (const look of waiting) look();
});

// The next event from here on for which `wanted` holds.
function next(wanted) {
  const from = events.length;
  return new Promise((resolve) => {
    const look = () => {
      const found = events.slice(from).find(wanted);
      if (!found) return;
      waiting.delete(look);
      resolve(found);
    };
    waiting.add(look);
  });
}
const ofType = (type) => (event) => event.type === type;
const audioSince = (from) =>
  Buffer.concat(
    events
      .slice(from)
      .filter(ofType('response.output_audio.delta'))
      .map((event) => Buffer.from(event.delta, 'base64')),
  );

async function speak(pcm) {
  session.sendAudio(pcm.buffer.slice(pcm.byteOffset, pcm.byteOffset + pcm.length), { commit: true });
  session.transport.requestResponse();
}

const found = {};

const ready = next(ofType('session.updated'));
await session.connect({ apiKey: 'none' });
await ready;

let done = next(ofType('response.done'));
const hello = tone(700);
await speak(hello);
await done;
found.parrot = audioSince(0).equals(hello);

const first = next(ofType('response.output_audio.delta'));
await speak(tone(20000));
await first;
done = next(ofType('response.done'));
const truncated = next(ofType('conversation.item.truncated'));
session.interrupt();
found.interrupted = (await done).response.status_details.reason;
found.truncated_at_ms = (await truncated).audio_end_ms;

const spoken = next(ofType('response.output_audio_transcript.done'));
session.sendMessage('call get_time {"zone": "UTC"}');
found.said = (await spoken).transcript;
found.asked = asked;

const updated = next(ofType('session.updated'));
await session.updateAgent(new RealtimeAgent({ name: 'other', instructions: 'Be brief.' }));
found.instructions = (await updated).session.instructions;
found.turn_detection = (await updated).session.audio.input.turn_detection;

session.close();
found.errors = errors;
console.log(JSON.stringify(found));
