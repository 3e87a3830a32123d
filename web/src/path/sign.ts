// SPDX-License-Identifier: AGPL-3.0-or-later
/** What an operator says, signed and posted. */
import { needKey } from '../key/ring';
import { post } from '../model/api';
import { currentLive } from '../model/live';
import { offerText, type Offered } from '../sign/orders';

/** `what` is what is signed, in words. False: the person would not give a key. */
export async function sign(kind: 'order' | 'offer', what: string, text: () => string): Promise<boolean> {
  const key = await needKey(what);
  if (!key)
    return false;
  const document = text();
  await post(`/v1/${kind}s`, JSON.stringify({ [kind]: document, signature: key.sign(document) }));
  return true;
}

/** To this router, which is to have a release for the others. */
export const offer = (name: string, what: Offered) =>
  sign('offer', name, () => {
    const { mesh, node, highest_epoch } = currentLive().mesh!;
    return offerText({ mesh, node, epoch: highest_epoch + 1, what });
  });
