// SPDX-License-Identifier: AGPL-3.0-or-later
/** The mesh: how the upgrade goes in one sentence, the graph, and the same as a list. */
import { useLive } from '../ui/hooks';
import { StateChip } from '../ui/parts';

export function MeshView() {
  const live = useLive();
  return (
    <section>
      <ul>
        {[...live.nodes.values()].map(node => (
          <li key={node.name}>
            {node.name} <StateChip node={node} />
          </li>
        ))}
      </ul>
    </section>
  );
}
