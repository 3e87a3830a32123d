// SPDX-License-Identifier: AGPL-3.0-or-later
import { render } from 'preact';
import { App } from './app';
import { begin } from './model/live';
import { currentLanguage } from './words';
import './style.css';

document.documentElement.lang = currentLanguage();
begin();
const root = document.getElementById('app')!;
root.textContent = '';
render(<App />, root);
