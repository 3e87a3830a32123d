// SPDX-License-Identifier: AGPL-3.0-or-later
/** Hundreds of routers more, which node1 hears of by gossip and which do not exist (tests/lab/crowd.py). */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { LOCKSTEP, MESH, processIn, ROOT } from './lab.mjs';

export class Crowd {
  /** They speak from the phone's network. */
  static async start(lab, count, node = lab.nodes.node1) {
    const crowd = new Crowd();
    const users = process.getuid() === 0 ? [] : ['-U', '--preserve-credentials'];
    crowd.process = spawn('nsenter', ['-t', processIn(lab.phone.netns), ...users, '-n', '--', 'python3',
      join(ROOT, 'tests/lab/crowd.py'), join(dirname(LOCKSTEP), 'tests/lockstep-crowd'), MESH, String(count), node.name,
      node.address], { stdio: ['pipe', 'pipe', 'inherit'] });
    crowd.lines = createInterface({ input: crowd.process.stdout })[Symbol.asyncIterator]();
    await crowd.done();
    return crowd;
  }

  async done() {
    const { value } = await this.lines.next();
    if (value !== 'done')
      throw new Error(`the crowd says ${value}`);
  }

  tell(line) {
    this.process.stdin.write(`${line}\n`);
    return this.done();
  }

  /** So many of them have something new to say, two times a second for so long. */
  change(count, seconds) {
    return this.tell(`change ${count} ${seconds}`);
  }

  /** From now on they take part in it, and what changes of them is how far they are. */
  join({ epoch, id }) {
    return this.tell(`upgrade ${epoch} ${id}`);
  }

  stop() {
    this.process.stdin.end();
  }
}
