// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A mesh of real daemons (docs/lab.md) with a phone in it: one more node, without a daemon, in whose network
 * the browser runs. It reaches what a phone reaches, the routers, and nothing else.
 */
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
export const LOCKSTEP = process.env.LOCKSTEP ?? join(ROOT, 'build/lockstep');
export const ALPHA = 'demo,alpha';
export const BETA = 'demo,beta';
/** The mesh that all labs are. */
export const MESH = 'lab';
export const PHRASE = 'six words that nobody else would think of';
export const PHONE = 'phone';
/** Far more than it ever takes: a busy machine must not decide a test. */
export const PATIENCE_MS = 60000;

/** Keys and releases, made once for all tests of this build; where they lie. */
export function prepare() {
  const script = `import sys; sys.path.insert(0, ${JSON.stringify(join(ROOT, 'tests/lab'))}); import mesh; mesh.prepare(); print(mesh.DATA)`;
  return execFileSync('python3', ['-c', script], { encoding: 'utf8' }).trim().split('\n').pop();
}

/** Until `holds` gives something that is true, which it then gives. */
export async function until(holds, what, patienceMs = PATIENCE_MS) {
  const end = Date.now() + patienceMs;
  for (;;) {
    const held = await holds();
    if (held)
      return held;
    if (Date.now() > end)
      throw new Error(`${what} did not come within ${patienceMs / 1000} s`);
    await sleep(50);
  }
}

class Node {
  constructor(lab, name, facts) {
    this.lab = lab;
    this.name = name;
    this.address = facts.address;
    this.netns = facts.netns;
    this.directory = facts.directory;
    this.url = `http://${facts.address}:8430`;
  }

  /** JSON over the control socket; null while the node does not answer. */
  get(path) {
    return new Promise(resolve => {
      const request = http.get({ socketPath: join(this.directory, 'run.sock'), path, timeout: 10000 }, response => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', data => (body += data));
        response.on('error', () => resolve(null));
        response.on('end', () => resolve(response.statusCode === 200 && response.complete ? JSON.parse(body) : null));
      });
      request.on('timeout', () => request.destroy());
      request.on('error', () => resolve(null));
    });
  }

  async status() {
    return (await this.get('/v1/status')) ?? { state: null, version: null };
  }

  cli(...words) {
    return execFileSync(LOCKSTEP, words, {
      encoding: 'utf8',
      env: { ...process.env, LOCKSTEP_SOCKET: join(this.directory, 'run.sock') },
    });
  }

  run(...command) {
    return this.lab.ask({ do: 'exec', node: this.name, command });
  }

  powerOff() {
    return this.lab.ask({ do: 'power', node: this.name, on: false });
  }

  powerOn() {
    return this.lab.ask({ do: 'power', node: this.name, on: true });
  }

  /** Of its daemon, as the kernel counts it. */
  async residentKib() {
    const uses = await this.lab.ask({ do: 'usage', node: this.name });
    return uses.find(({ name }) => name === 'lockstep').rss_now_kib;
  }

  /** What it said last; for whoever looks why a test failed. */
  log() {
    return readFileSync(join(this.directory, 'log/daemon.log'), 'utf8');
  }
}

export class Lab {
  /**
   * `topology`: lines as in docs/lab.md, of nodes and links; `phone`: what it is in reach of. More: `boot` in
   * seconds, `slots`, `rate` of the phone's link, `link` rates of the others, `phrase` whether PHRASE is an
   * operator's key, `config` for every node.
   */
  static async start({ topology, phone = 'node1', phoneRate = '', rate = '', boot = 1, slots = 2, phrase = false, config = {}, without = [] }) {
    const lab = new Lab();
    lab.data = prepare();
    lab.directory = mkdtempSync(join(tmpdir(), 'lockstep-web-'));
    const link = phoneRate ? ` rate=${phoneRate}` : '';
    const map = join(lab.directory, 'map');
    writeFileSync(map, `${topology.trim()}\nlink ${PHONE} ${phone}${link}\n`);
    // What the lab starts nothing on.
    for (const name of [PHONE, ...without]) {
      mkdirSync(join(lab.directory, name));
      writeFileSync(join(lab.directory, name, 'alone'), '');
    }
    const words = ['up', '--leashed', '--dir', lab.directory, '--topology', `file:${map}`, '--binary', LOCKSTEP,
      '--boards', `${ALPHA} ${BETA}`.replaceAll(',', '/'), '--keys', lab.makeTrust(phrase), '--boot', String(boot),
      '--slots', String(slots), '--config', JSON.stringify(config)];
    if (rate)
      words.push('--rate', rate);
    for (const board of [ALPHA, BETA])
      words.push('--image', `${board}=${join(lab.data, `${board.replace(',', '_')}-1.bin`)}`);
    // It ends with our end of its input, however we end.
    lab.process = spawn(join(ROOT, 'lab/lab'), words, { stdio: ['pipe', 'pipe', 'inherit'] });
    await lab.ready();
    lab.nodes = {};
    for (const [name, facts] of Object.entries(await lab.ask({ do: 'status' }))) {
      const node = new Node(lab, name, facts);
      if (name === PHONE)
        lab.phone = node;
      else
        lab.nodes[name] = node;
    }
    return lab;
  }

  makeTrust(phrase) {
    const keys = join(this.directory, 'keys');
    for (const role of ['operator', 'release']) {
      mkdirSync(join(keys, role), { recursive: true });
      for (const name of readdirSync(join(this.data, 'keys', role)))
        copyFileSync(join(this.data, 'keys', role, name), join(keys, role, name));
    }
    if (phrase)
      writeFileSync(join(keys, 'operator/phrase.pub'),
        execFileSync(LOCKSTEP, ['key', 'derive', '--mesh', MESH], { input: `${PHRASE}\n` }));
    return keys;
  }

  ready() {
    return new Promise((resolve, reject) => {
      let said = '';
      this.process.stdout.setEncoding('utf8');
      this.process.stdout.on('data', data => {
        said += data;
        if (/^ready$/m.test(said))
          resolve();
      });
      this.process.once('exit', status => reject(new Error(`the lab ended with ${status}`)));
    });
  }

  ask(request) {
    return new Promise((resolve, reject) => {
      const socket = net.connect(join(this.directory, 'lab.sock'));
      let said = '';
      socket.setEncoding('utf8');
      socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
      socket.on('error', reject);
      socket.on('data', data => {
        said += data;
        if (!said.endsWith('\n'))
          return;
        socket.end();
        const answer = JSON.parse(said);
        if (answer.error)
          reject(new Error(answer.error));
        else
          resolve(answer.ok);
      });
    });
  }

  link(a, b, up) {
    return this.ask({ do: 'link', a, b, up });
  }

  /** A file of the data that all tests share, such as release-2 or operator.sec. */
  file(...path) {
    return join(this.data, ...path);
  }

  /** The files of a release, as somebody would choose them in a phone. */
  releaseFiles(name) {
    const list = folder => readdirSync(folder, { withFileTypes: true }).flatMap(entry =>
      entry.isDirectory() ? list(join(folder, entry.name)) : [join(folder, entry.name)]);
    return list(this.file(name));
  }

  list(...names) {
    return (names.length ? names : Object.keys(this.nodes)).map(name => this.nodes[name]);
  }

  /** All know all. */
  async acquainted() {
    const count = Object.keys(this.nodes).length;
    await this.every(async node => ((await node.get('/v1/mesh'))?.nodes.filter(({ state }) => state).length ?? 0) === count,
      'a mesh that knows itself');
  }

  every(holds, what, nodes = this.list()) {
    return until(async () => (await Promise.all(nodes.map(holds))).every(Boolean), what).catch(async error => {
      const lines = await Promise.all(this.list().map(async node => {
        const { state, reason, message, version } = await node.status();
        return `${node.name}: ${state} ${reason} ${message} ${version}\n${node.log().split('\n').slice(-6).join('\n')}`;
      }));
      throw new Error(`${error.message}\n${lines.join('\n')}`);
    });
  }

  inState(state, nodes = this.list()) {
    return this.every(async node => (await node.status()).state === state, `${state} of ${nodes.map(({ name }) => name).join(', ')}`, nodes);
  }

  async stop() {
    this.process.removeAllListeners('exit');
    const ended = new Promise(resolve => this.process.once('exit', resolve));
    this.process.stdin.end();
    if (this.process.exitCode === null)
      await ended;
    if (!process.env.LAB_KEEP)
      rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A process of this machine in that network namespace: a door to it from outside of the lab. */
export function processIn(netns) {
  for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    try {
      if (readlinkSync(`/proc/${pid}/ns/net`) === netns)
        return pid;
    } catch {
      // It has ended meanwhile, or is somebody else's.
    }
  }
  throw new Error(`nobody is in ${netns}`);
}

/** Lines for `columns` by `rows` nodes in a grid. */
export function grid(columns, rows) {
  const name = (x, y) => `node${y * columns + x + 1}`;
  const lines = [];
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      lines.push(`node ${name(x, y)}`);
      if (x + 1 < columns)
        lines.push(`link ${name(x, y)} ${name(x + 1, y)}`);
      if (y + 1 < rows)
        lines.push(`link ${name(x, y)} ${name(x, y + 1)}`);
    }
  return lines.join('\n');
}
